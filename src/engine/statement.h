// Statement: one parsed and bound statement, as Prepared keeps it.
//
// Binding depends on the catalogue: a Statement remembers the version it was bound against and is
// bound again when that has changed. Columns must stay the same then (0A000 as PostgreSQL).
// Bound parts are immutable and shared by portals. One session's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sql/binder.h"
#include "sql/parser.h"
#include "src/engine/catalog_view.h"
#include "src/quickwater.h"
#include "views/query.h"

namespace qw::engine {

// The result of binding against one catalogue.
struct BoundWork {
  std::shared_ptr<const CatalogView> view;
  sql::BoundStatement bound;
  std::shared_ptr<const sql::Plan> plan;  // optimised: of a query, or of the rows a DML works on
  std::vector<Type> parameters;
  Schema columns;
  bool returns_rows = false;
  std::vector<std::pair<ObjectId, std::string>> reads;  // materialized views in the plan
  std::unique_ptr<views::Query> spare;                  // compiled, not running
};

class Statement final : public Prepared {
 public:
  // `parsed` may be empty (a blank statement).
  Statement(std::string text, std::shared_ptr<const sql::ParsedStatement> parsed,
            std::vector<Type> hints)
      : text_(std::move(text)), parsed_(std::move(parsed)), hints_(std::move(hints)) {}

  std::span<const Type> parameters() const override { return work_->parameters; }
  const Schema& columns() const override { return work_->columns; }
  bool returns_rows() const override { return work_->returns_rows; }
  const std::string& sql() const override { return text_; }

  bool blank() const { return parsed_ == nullptr; }
  const sql::ast::Statement& tree() const { return *parsed_->statement; }
  // The statement's own part of the text.
  std::string own_text() const {
    return blank() ? std::string() : text_.substr(parsed_->begin, parsed_->end - parsed_->begin);
  }
  bool secret() const { return parsed_ != nullptr && parsed_->secret; }
  std::span<const Type> hints() const { return hints_; }
  BoundWork& work() { return *work_; }
  std::shared_ptr<BoundWork> shared_work() const { return work_; }
  void set_work(std::shared_ptr<BoundWork> work) { work_ = std::move(work); }
  bool has_work() const { return work_ != nullptr; }

 private:
  const std::string text_;
  const std::shared_ptr<const sql::ParsedStatement> parsed_;
  const std::vector<Type> hints_;
  std::shared_ptr<BoundWork> work_;
};

}  // namespace qw::engine

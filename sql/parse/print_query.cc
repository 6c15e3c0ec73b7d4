// See printer.h: queries. Tests: tests/unit/sql_parse/print_test.cc.
#include <algorithm>

#include "sql/parse/printer.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

void Printer::with(const With* with) {
  if (with == nullptr) return;
  put(with->recursive ? "WITH RECURSIVE " : "WITH ");
  list(with->ctes, [&](const Cte& cte) {
    name(cte.name);
    columns(cte.columns);
    put(" AS ");
    if (cte.materialized == Cte::Materialized::always) put("MATERIALIZED ");
    if (cte.materialized == Cte::Materialized::never) put("NOT MATERIALIZED ");
    put("(");
    statement(*cte.query);
    put(")");
  });
  put(" ");
}

void Printer::targets(const std::vector<Target>& targets) {
  list(targets, [&](const Target& target) {
    expr(*target.expr);
    if (!target.name.empty()) put(" AS ").name(target.name);
  });
}

void Printer::select(const Select& node) {
  with(node.with.get());
  select_body(node);
  select_tail(node);
}

void Printer::set_operand(const Select& operand, const Select& parent, bool left) {
  const bool tail = operand.with || !operand.order_by.empty() || operand.limit || operand.offset ||
                    !operand.locking.empty();
  const bool same = left && operand.op == parent.op;
  const bool plain = !tail && (operand.op == Select::Op::none || same);
  if (!plain) put("(");
  select(operand);
  if (!plain) put(")");
}

void Printer::select_body(const Select& node) {
  if (node.op != Select::Op::none) {
    set_operand(*node.left, node, true);
    put(node.op == Select::Op::union_      ? " UNION "
        : node.op == Select::Op::intersect ? " INTERSECT "
                                           : " EXCEPT ");
    if (node.all) put("ALL ");
    set_operand(*node.right, node, false);
    return;
  }
  if (!node.values.empty()) {
    put("VALUES ");
    list(node.values, [&](const ExprList& row) {
      put("(");
      exprs(row);
      put(")");
    });
    return;
  }
  put("SELECT");
  if (node.distinct) put(" DISTINCT");
  if (!node.distinct_on.empty()) {
    put(" ON (");
    exprs(node.distinct_on);
    put(")");
  }
  if (!node.targets.empty()) put(" ");
  targets(node.targets);
  if (node.into) {
    put(" INTO ");
    persistence(node.into_persistence);
    relation(*node.into);
  }
  if (!node.from.empty()) put(" FROM ");
  from(node.from);
  if (node.where) {
    put(" WHERE ");
    expr(*node.where);
  }
  if (!node.group_by.empty()) {
    put(node.group_distinct ? " GROUP BY DISTINCT " : " GROUP BY ");
    exprs(node.group_by);
  }
  if (node.having) {
    put(" HAVING ");
    expr(*node.having);
  }
  if (!node.windows.empty()) put(" WINDOW ");
  list(node.windows, [&](const WindowSpec& spec) {
    name(spec.name).put(" AS ");
    window(spec);
  });
}

void Printer::select_tail(const Select& node) {
  if (!node.order_by.empty()) {
    put(" ORDER BY ");
    order_by(node.order_by);
  }
  if (node.offset) {
    put(" OFFSET ");
    expr(*node.offset);
  }
  if (node.limit) {
    const auto* literal = node.limit->try_as<Literal>();
    put(node.with_ties ? " FETCH FIRST (" : " LIMIT ");
    if (literal != nullptr && literal->type == Literal::Type::null && !node.with_ties) {
      put("ALL");
    } else {
      expr(*node.limit);
    }
    if (node.with_ties) put(") ROWS WITH TIES");
  }
  for (const Locking& locking : node.locking) {
    switch (locking.strength) {
      case Locking::Strength::key_share:
        put(" FOR KEY SHARE");
        break;
      case Locking::Strength::share:
        put(" FOR SHARE");
        break;
      case Locking::Strength::no_key_update:
        put(" FOR NO KEY UPDATE");
        break;
      case Locking::Strength::update:
        put(" FOR UPDATE");
        break;
    }
    if (!locking.relations.empty()) put(" OF ");
    list(locking.relations, [&](const RelationName& name) { relation(name); });
    if (locking.wait == Locking::Wait::nowait) put(" NOWAIT");
    if (locking.wait == Locking::Wait::skip_locked) put(" SKIP LOCKED");
  }
}

// FROM ----------------------------------------------------------------------------------------

void Printer::from(const std::vector<FromPtr>& items) {
  list(items, [&](const FromPtr& item) { from_item(*item); });
}

void Printer::alias(const Alias& alias) {
  if (alias.name.empty()) return;
  put(" AS ").name(alias.name);
  columns(alias.columns);
}

void Printer::column_definitions(const std::vector<ColumnDefinition>& columns) {
  list(columns, [&](const ColumnDefinition& column) {
    name(column.name).put(" ");
    type(column.type);
    if (!column.collation.empty()) put(" COLLATE ").names(column.collation);
  });
}

void Printer::from_item(const FromItem& item) {
  if (const auto* table = item.try_as<RangeTable>()) {
    if (table->only) put("ONLY ");
    relation(table->relation);
    alias(table->alias);
  } else if (const auto* query = item.try_as<RangeSubquery>()) {
    put(query->lateral ? "LATERAL (" : "(");
    select(*query->query);
    put(")");
    alias(query->alias);
  } else if (const auto* function = item.try_as<RangeFunction>()) {
    range_function(*function);
  } else if (const auto* sample = item.try_as<RangeSample>()) {
    from_item(*sample->relation);
    put(" TABLESAMPLE ").names(sample->method).put(" (");
    exprs(sample->args);
    put(")");
    if (sample->repeatable) {
      put(" REPEATABLE (");
      expr(*sample->repeatable);
      put(")");
    }
  } else {
    join(item.as<Join>());
  }
}

void Printer::range_function(const RangeFunction& item) {
  if (item.lateral) put("LATERAL ");
  if (item.rows_from) put("ROWS FROM (");
  list(item.functions, [&](const RangeFunction::Item& function) {
    if (const auto* cast = function.call->try_as<TypeCast>()) {
      put("CAST(");  // x::t is no function to the grammar
      expr(*cast->arg);
      put(" AS ");
      type(cast->type);
      put(")");
    } else {
      expr(*function.call);
    }
    if (function.columns.empty()) return;
    put(" AS (");
    column_definitions(function.columns);
    put(")");
  });
  if (item.rows_from) put(")");
  if (item.with_ordinality) put(" WITH ORDINALITY");
  if (item.columns.empty()) {
    alias(item.alias);
    return;
  }
  put(" AS ");
  if (!item.alias.name.empty()) name(item.alias.name);
  put("(");
  column_definitions(item.columns);
  put(")");
}

void Printer::join(const Join& node) {
  if (!node.alias.name.empty()) put("(");
  from_item(*node.left);
  if (node.natural) put(" NATURAL");
  const bool cross = !node.natural && !node.on && node.using_columns.empty();
  switch (node.type) {
    case Join::Type::inner:
      put(cross ? " CROSS JOIN " : " JOIN ");
      break;
    case Join::Type::left:
      put(" LEFT JOIN ");
      break;
    case Join::Type::right:
      put(" RIGHT JOIN ");
      break;
    case Join::Type::full:
      put(" FULL JOIN ");
      break;
  }
  const auto* nested = node.right->try_as<Join>();
  const bool parentheses = nested != nullptr && nested->alias.name.empty();
  if (parentheses) put("(");
  from_item(*node.right);
  if (parentheses) put(")");
  if (node.on) {
    put(" ON ");
    expr(*node.on);
  }
  if (!node.using_columns.empty()) {
    put(" USING");
    columns(node.using_columns);
    if (!node.using_alias.empty()) put(" AS ").name(node.using_alias);
  }
  if (!node.alias.name.empty()) {
    put(")");
    alias(node.alias);
  }
}

// Writes --------------------------------------------------------------------------------------

void Printer::target_columns(const std::vector<TargetColumn>& targets) {
  list(targets, [&](const TargetColumn& column) {
    name(column.name);
    steps(column.steps);
  });
}

void Printer::assignments(const std::vector<Assignment>& assignments) {
  list(assignments, [&](const Assignment& assignment) {
    if (assignment.multiple) put("(");
    target_columns(assignment.columns);
    put(assignment.multiple ? ") = " : " = ");
    expr(*assignment.value);
  });
}

void Printer::returning(const std::vector<Target>& list) {
  if (list.empty()) return;
  put(" RETURNING ");
  targets(list);
}

void Printer::insert(const Insert& node) {
  with(node.with.get());
  put("INSERT INTO ").relation(node.relation);
  if (!node.alias.empty()) put(" AS ").name(node.alias);
  if (!node.columns.empty()) {
    put(" (");
    target_columns(node.columns);
    put(")");
  }
  if (node.overriding == Insert::Overriding::user_value) put(" OVERRIDING USER VALUE");
  if (node.overriding == Insert::Overriding::system_value) put(" OVERRIDING SYSTEM VALUE");
  if (node.query) {
    put(" ");
    select(*node.query);
  } else {
    put(" DEFAULT VALUES");
  }
  if (const OnConflict* conflict = node.on_conflict.get()) {
    put(" ON CONFLICT");
    if (!conflict->target.empty()) {
      put(" (");
      list(conflict->target, [&](const ConflictElement& element) {
        const bool plain = element.expr->kind == Kind::column_ref;
        if (!plain) put("(");
        expr(*element.expr);
        if (!plain) put(")");
        if (!element.collation.empty()) put(" COLLATE ").names(element.collation);
        if (!element.operator_class.empty()) put(" ").names(element.operator_class);
      });
      put(")");
    }
    if (conflict->target_where) {
      put(" WHERE ");
      expr(*conflict->target_where);
    }
    if (!conflict->constraint.empty()) put(" ON CONSTRAINT ").name(conflict->constraint);
    put(conflict->update ? " DO UPDATE SET " : " DO NOTHING");
    assignments(conflict->assignments);
    if (conflict->where) {
      put(" WHERE ");
      expr(*conflict->where);
    }
  }
  returning(node.returning);
}

void Printer::update(const Update& node) {
  with(node.with.get());
  put(node.only ? "UPDATE ONLY " : "UPDATE ").relation(node.relation);
  if (!node.alias.empty()) put(" AS ").name(node.alias);
  put(" SET ");
  assignments(node.assignments);
  if (!node.from.empty()) put(" FROM ");
  from(node.from);
  if (node.where) {
    put(" WHERE ");
    expr(*node.where);
  }
  returning(node.returning);
}

void Printer::remove(const Delete& node) {
  with(node.with.get());
  put(node.only ? "DELETE FROM ONLY " : "DELETE FROM ").relation(node.relation);
  if (!node.alias.empty()) put(" AS ").name(node.alias);
  if (!node.using_items.empty()) put(" USING ");
  from(node.using_items);
  if (node.where) {
    put(" WHERE ");
    expr(*node.where);
  }
  returning(node.returning);
}

}  // namespace qw::sql::parsing

// Journal: small epochs made durable by one sequential write and one sync, until the environment
// takes many of them in at once.
//
// A commit of LMDB syncs twice, its pages and its meta page, and writes some seven pages for one
// row. A record here is one write over blocks that the file has already, and one sync.
// One thread at a time. Tests: tests/unit/storage/journal_test.cc, tests/crash/.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "src/base/ids.h"
#include "src/base/result.h"

namespace qw::storage {

class Journal {
 public:
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  virtual ~Journal();

  using Visit = std::function<Result<void>(Epoch epoch, std::string_view record)>;
  // The records of the epochs after `last`, oldest first; before the first append. XX001 when one
  // of them is missing while a later one is there. Bytes are valid during the call; they are
  // durable afterwards, or at the latest before the first append is.
  virtual Result<void> replay(Epoch last, const Visit& visit) = 0;
  // Durable when it says true. False: there is no room for it, and nothing of it is there. After an
  // error the journal is not to be used any more.
  virtual Result<bool> append(Epoch epoch, std::string_view record) = 0;
  // The environment durably holds every record: the next one goes to the front.
  virtual void restart() = 0;
};

}  // namespace qw::storage

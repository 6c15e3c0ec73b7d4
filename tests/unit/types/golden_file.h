// Golden files: rows of tab-separated fields as golden/make.py writes them.
#pragma once

#include <fstream>
#include <string>
#include <vector>

namespace qw::golden {

inline std::vector<std::vector<std::string>> read(const std::string& name) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream in(std::string(QW_GOLDEN_DIR) + "/" + name);
  std::string line;
  while (std::getline(in, line)) {
    std::vector<std::string> fields(1);
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\t') {
        fields.emplace_back();
      } else if (line[i] == '\\' && i + 1 < line.size()) {
        const char next = line[++i];
        if (next == 'N') {
          fields.back() = "(null)";
        } else {
          fields.back() += next == 't' ? '\t' : (next == 'n' ? '\n' : next);
        }
      } else {
        fields.back() += line[i];
      }
    }
    rows.push_back(std::move(fields));
  }
  return rows;
}

}  // namespace qw::golden

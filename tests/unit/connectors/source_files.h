// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/sources/file_source.h"

namespace ringfence::testing_files {

/// A directory of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ringfence-source-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string path(std::string_view name) const { return (path_ / name).string(); }
  std::string write(std::string_view name, std::string_view bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  void append(std::string_view name, std::string_view bytes) const { std::ofstream(path(name), std::ios::binary | std::ios::app) << bytes; }

 private:
  std::filesystem::path path_;
};

inline std::string gzip(std::string_view bytes, int level = 6) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

/// A record as owned values.
struct Line {
  std::int64_t number = 0;
  std::string bytes;
  bool operator==(const Line&) const = default;
  friend void PrintTo(const Line& line, std::ostream* out) { *out << line.number << ": " << line.bytes.substr(0, 60); }
};

struct ReadAll {
  std::vector<Line> lines;
  std::optional<SourceError::Kind> error;
  std::string message;
};

inline ReadAll read_all(Source& source, std::size_t most = 1000) {
  ReadAll all;
  while (true) {
    const auto batch = source.next(most, std::chrono::seconds(20));
    if (!batch) {
      all.error = batch.error().kind;
      all.message = batch.error().message;
      return all;
    }
    for (const Record& record : batch->records) all.lines.push_back({record.position.offset.value, std::string(record.bytes)});
    if (batch->state != Batch::State::More) return all;
  }
}

inline ReadAll read_all(const std::string& path, std::size_t most = 1000) { return read_all(*open_file_source(path).value(), most); }

}  // namespace ringfence::testing_files

// SPDX-License-Identifier: Apache-2.0
#include "connectors/sources/line_splitter.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "engine/event/decode_salvage.h"

namespace ringfence {
namespace {

constexpr std::size_t kChunkBytes = 256U << 10U;

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::string_view without_carriage_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

struct LineSplitter::Overlong {
  std::string excerpt;
  std::uint64_t size = 0;
  std::unique_ptr<EVP_MD_CTX, FreeDigest> digest{EVP_MD_CTX_new()};
  std::string sha256;
  decoding::AgentSearch search;
  Shown shown;
  /// A carriage return at the end of what came so far: part of the line only if more follows.
  bool held_return = false;

  void start() {
    excerpt.clear();
    size = 0;
    held_return = false;
    search = {};
    check(digest != nullptr && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(std::string_view bytes, std::size_t excerpt_bytes) {
    size += bytes.size();
    excerpt.append(bytes.substr(0, excerpt_bytes - std::min(excerpt_bytes, excerpt.size())));
    search.read(bytes);
    check(EVP_DigestUpdate(digest.get(), bytes.data(), bytes.size()) == 1);
  }
  void finish() {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::array<unsigned char, 32> bytes{};
    check(EVP_DigestFinal_ex(digest.get(), bytes.data(), nullptr) == 1);
    shown = search.shown();
    sha256.clear();
    for (const unsigned char byte : bytes) {
      sha256 += kHex[byte >> 4U];
      sha256 += kHex[byte & 15U];
    }
  }
  static void check(bool done) {
    if (!done) throw std::runtime_error("SHA-256 is not available in the cryptography library");
  }
};

LineSplitter::LineSplitter(std::size_t most, std::size_t excerpt)
    : most_(most), excerpt_(excerpt), overlong_(std::make_unique<Overlong>()) {}
LineSplitter::~LineSplitter() = default;
LineSplitter::LineSplitter(LineSplitter&&) noexcept = default;
LineSplitter& LineSplitter::operator=(LineSplitter&&) noexcept = default;

std::optional<LineSplitter::Line> LineSplitter::next() {
  const char* const from = buffer_.data() + scanned_;
  const void* const found = end_ > scanned_ ? std::memchr(from, '\n', end_ - scanned_) : nullptr;
  if (found == nullptr) {
    scanned_ = end_;
    // One byte more than the limit may be a carriage return that is no part of the line.
    if (in_overlong_ || end_ - begin_ > most_ + 1) swallow({buffer_.data() + begin_, end_ - begin_});
    return std::nullopt;
  }
  const auto feed = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
  const std::string_view raw{buffer_.data() + begin_, feed - begin_};
  begin_ = scanned_ = feed + 1;
  const std::string_view line = without_carriage_return(raw);
  if (!in_overlong_ && line.size() <= most_) return Line{line, line.size(), {}};
  const std::size_t rest = begin_;
  swallow(raw);
  begin_ = scanned_ = rest;
  return close_overlong();
}

std::optional<LineSplitter::Line> LineSplitter::finish() {
  const std::string_view line = without_carriage_return({buffer_.data() + begin_, end_ - begin_});
  if (in_overlong_ || line.size() > most_) {
    swallow({buffer_.data() + begin_, end_ - begin_});
    return close_overlong();
  }
  begin_ = scanned_ = end_;
  if (line.empty()) return std::nullopt;
  return Line{line, line.size(), {}};
}

void LineSplitter::swallow(std::string_view bytes) {
  if (!in_overlong_) overlong_->start();
  in_overlong_ = true;
  begin_ = scanned_ = end_;
  if (bytes.empty()) return;
  if (overlong_->held_return) overlong_->add("\r", excerpt_);
  overlong_->held_return = bytes.ends_with('\r');
  if (overlong_->held_return) bytes.remove_suffix(1);
  overlong_->add(bytes, excerpt_);
}

LineSplitter::Line LineSplitter::close_overlong() {
  in_overlong_ = false;
  overlong_->finish();
  return {overlong_->excerpt, overlong_->size, overlong_->sha256, &overlong_->shown};
}

std::span<char> LineSplitter::room() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kChunkBytes) buffer_.resize(end_ + kChunkBytes);
  return std::span(buffer_).subspan(end_);
}

void LineSplitter::reset() {
  begin_ = scanned_ = end_ = 0;
  in_overlong_ = false;
}

}  // namespace ringfence

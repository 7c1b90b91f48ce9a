// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>
#include <zstd.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "connectors/sources/byte_stream.h"

namespace ringfence {
namespace {

constexpr std::size_t kCompressedChunk = 64U << 10U;

/// What both formats share: input in chunks, output as asked, an error only after the bytes before it.
class DecompressingStream : public ByteStream {
 public:
  DecompressingStream(std::unique_ptr<ByteStream> compressed, std::string name)
      : compressed_(std::move(compressed)), name_(std::move(name)), chunk_(kCompressedChunk) {}

  std::expected<Chunk, SourceError> read(std::span<char> out, Clock::time_point deadline) final {
    if (error_) return std::unexpected(*error_);
    while (true) {
      // Asked even without input: a decompressor may hold output for which there was no room.
      const Step step = decompress(input_, out);
      input_ = input_.subspan(step.read);
      taken_ += step.read;
      if (step.corrupt) {
        error_ = SourceError{SourceError::Kind::CorruptArchive, name_ + ": the archive is damaged, the records before that were read"};
      }
      if (step.written > 0) return Chunk{Batch::State::More, step.written};
      if (error_) return std::unexpected(*error_);
      if (!input_.empty()) continue;

      const auto more = compressed_->read(chunk_, deadline);
      if (!more) return std::unexpected(more.error());
      if (more->state == Batch::State::Ended) {
        if (between_parts()) return *more;
        error_ = SourceError{SourceError::Kind::CutArchive, name_ + ": cut archive, its complete records were read"};
        return std::unexpected(*error_);
      }
      if (more->state != Batch::State::More) return *more;
      input_ = std::span<const char>(chunk_).first(more->bytes);
    }
  }

  [[nodiscard]] std::uint64_t taken() const final { return taken_; }

 protected:
  struct Step {
    std::size_t read = 0, written = 0;
    bool corrupt = false;
  };
  /// Does what it can with `in` and the room in `out`; no progress means it needs more input.
  virtual Step decompress(std::span<const char> in, std::span<char> out) = 0;
  /// At least one member or frame was read and none is open.
  [[nodiscard]] virtual bool between_parts() const = 0;

 private:
  std::unique_ptr<ByteStream> compressed_;
  std::string name_;
  std::vector<char> chunk_;
  std::span<const char> input_;
  std::uint64_t taken_ = 0;
  std::optional<SourceError> error_;
};

class GzipStream final : public DecompressingStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> compressed, std::string name) : DecompressingStream(std::move(compressed), std::move(name)) {
    constexpr int kGzipOnly = MAX_WBITS + 16;
    if (inflateInit2(&inflater_, kGzipOnly) != Z_OK) throw std::runtime_error("zlib cannot be initialised");
  }
  ~GzipStream() override { inflateEnd(&inflater_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

 private:
  Step decompress(std::span<const char> in, std::span<char> out) override {
    if (between_ && in.empty()) return {};
    if (between_ && inflateReset(&inflater_) != Z_OK) return {0, 0, true};
    between_ = false;
    // zlib's interface is not const-correct; it does not write to its input.
    inflater_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    inflater_.avail_in = static_cast<uInt>(in.size());
    inflater_.next_out = reinterpret_cast<Bytef*>(out.data());
    inflater_.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&inflater_, Z_NO_FLUSH);
    Step step{in.size() - inflater_.avail_in, out.size() - inflater_.avail_out, false};
    if (result == Z_STREAM_END) {
      between_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      step.corrupt = true;
    }
    return step;
  }
  [[nodiscard]] bool between_parts() const override { return between_; }

  z_stream inflater_{};
  bool between_ = false;
};

class ZstdStream final : public DecompressingStream {
 public:
  ZstdStream(std::unique_ptr<ByteStream> compressed, std::string name)
      : DecompressingStream(std::move(compressed), std::move(name)), context_(ZSTD_createDCtx()) {
    constexpr int kWindowLogMost = 27;
    if (context_ == nullptr || ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kWindowLogMost)) != 0) {
      throw std::runtime_error("zstd cannot be initialised");
    }
  }
  ~ZstdStream() override { ZSTD_freeDCtx(context_); }
  ZstdStream(const ZstdStream&) = delete;
  ZstdStream& operator=(const ZstdStream&) = delete;

 private:
  Step decompress(std::span<const char> in, std::span<char> out) override {
    if (between_ && in.empty()) return {};
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t result = ZSTD_decompressStream(context_, &output, &input);
    const bool corrupt = ZSTD_isError(result) != 0;
    if (!corrupt && (input.pos > 0 || output.pos > 0)) between_ = result == 0;
    return {input.pos, output.pos, corrupt};
  }
  [[nodiscard]] bool between_parts() const override { return between_; }

  ZSTD_DCtx* context_;
  bool between_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> gzip_stream(std::unique_ptr<ByteStream> compressed, std::string name) {
  return std::make_unique<GzipStream>(std::move(compressed), std::move(name));
}

std::unique_ptr<ByteStream> zstd_stream(std::unique_ptr<ByteStream> compressed, std::string name) {
  return std::make_unique<ZstdStream>(std::move(compressed), std::move(name));
}

}  // namespace ringfence

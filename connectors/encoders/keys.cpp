// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/keys.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "connectors/encoders/base64url.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

constexpr std::size_t kPublicBytes = 32;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kKeyFileBytes = 4096;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Pkey = std::unique_ptr<EVP_PKEY, Free>;
using Digest = std::unique_ptr<EVP_MD_CTX, Free>;
using Bio = std::unique_ptr<BIO, Free>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::unexpected<KeyError> error(KeyError::Kind kind, std::string message) { return std::unexpected(KeyError{kind, std::move(message)}); }

std::unexpected<KeyError> file_error(const std::filesystem::path& file, const char* doing) {
  const int cause = errno;
  const auto kind = cause == ENOENT                                       ? KeyError::Kind::NotFound
                    : cause == EEXIST                                     ? KeyError::Kind::Exists
                    : cause == EACCES || cause == EPERM || cause == ELOOP ? KeyError::Kind::Unreadable
                                                                          : KeyError::Kind::Io;
  return error(kind, std::string("cannot ") + doing + " key file " + file.string() + ": " + std::strerror(cause));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

/// Bytes that are wiped when they go.
struct Wiped {
  std::array<char, kKeyFileBytes> bytes{};
  std::size_t size = 0;
  ~Wiped() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

/// A PEM that asks for a password would otherwise make the library prompt on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*rwflag*/, void* /*user*/) { return -1; }

std::string public_bytes(const EVP_PKEY& key) {
  std::string out(kPublicBytes, '\0');
  std::size_t size = out.size();
  if (EVP_PKEY_get_raw_public_key(&key, reinterpret_cast<unsigned char*>(out.data()), &size) != 1 || size != kPublicBytes) return {};
  return out;
}

std::expected<void, KeyError> check_private(const std::filesystem::path& file, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return error(KeyError::Kind::Unreadable, "key file " + file.string() + " is not a regular file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return error(KeyError::Kind::Permissions, "key file " + file.string() + " belongs to another user");
  if ((status.st_mode & 077U) != 0)
    return error(KeyError::Kind::Permissions, "key file " + file.string() + " can be read by others than its owner: chmod 600 it");
  if (static_cast<std::size_t>(status.st_size) > kKeyFileBytes)
    return error(KeyError::Kind::Malformed, "key file " + file.string() + " is larger than 4 KiB: not a key");
  return {};
}

}  // namespace

struct SigningKey::Secret {
  Pkey key;
};

SigningKey::SigningKey(std::unique_ptr<Secret> secret, std::string public_key)
    : secret_(std::move(secret)), public_key_(std::move(public_key)), kid_(key_thumbprint(public_key_)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

std::expected<SigningKey, KeyError> SigningKey::generate() {
  Pkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return error(KeyError::Kind::Io, "cannot generate an Ed25519 key: the cryptography library refuses");
  std::string public_key = public_bytes(*key);
  return SigningKey(std::make_unique<Secret>(std::move(key)), std::move(public_key));
}

std::expected<SigningKey, KeyError> SigningKey::from_seed(std::string_view seed) {
  Pkey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
  if (!key) {
    ERR_clear_error();
    return error(KeyError::Kind::NotEd25519, "an Ed25519 seed has 32 bytes");
  }
  std::string public_key = public_bytes(*key);
  return SigningKey(std::make_unique<Secret>(std::move(key)), std::move(public_key));
}

std::expected<SigningKey, KeyError> SigningKey::load(const std::filesystem::path& file) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0) return file_error(file, "open");
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return file_error(file, "examine");
  if (auto checked = check_private(file, status); !checked) return std::unexpected(checked.error());

  Wiped text;
  while (text.size < text.bytes.size()) {
    const ssize_t got = ::read(fd.get(), text.bytes.data() + text.size, text.bytes.size() - text.size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(file, "read");
    if (got == 0) break;
    text.size += static_cast<std::size_t>(got);
  }
  const Bio bio(BIO_new_mem_buf(text.bytes.data(), static_cast<int>(text.size)));
  Pkey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr);
  ERR_clear_error();
  if (!key) return error(KeyError::Kind::Malformed, "key file " + file.string() + " holds no unencrypted PEM private key");
  if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519)
    return error(KeyError::Kind::NotEd25519, "key file " + file.string() + " holds a key of another kind than Ed25519");
  std::string public_key = public_bytes(*key);
  return SigningKey(std::make_unique<Secret>(std::move(key)), std::move(public_key));
}

std::expected<void, KeyError> SigningKey::save(const std::filesystem::path& file) const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), secret_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return error(KeyError::Kind::Io, "cannot encode the key for " + file.string());
  char* pem = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &pem);

  const Descriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return file_error(file, "create");
  const bool written = ::write(fd.get(), pem, static_cast<std::size_t>(size)) == size && ::fsync(fd.get()) == 0;
  if (written) return {};
  const auto failed = file_error(file, "write");
  ::unlink(file.c_str());  // a half key helps nobody and would block the next attempt
  return failed;
}

std::string SigningKey::sign(std::string_view message) const {
  const Digest context(EVP_MD_CTX_new());
  std::string out(kSignatureBytes, '\0');
  std::size_t size = out.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, secret_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes_of(message), message.size()) != 1 ||
      size != kSignatureBytes)
    throw std::runtime_error("Ed25519 signing failed in the cryptography library");
  return out;
}

std::string key_thumbprint(std::string_view public_key) {
  return base64url(sha256(R"({"crv":"Ed25519","kty":"OKP","x":")" + base64url(public_key) + R"("})"));
}

bool signature_holds(std::string_view public_key, std::string_view message, std::string_view signature) {
  if (public_key.size() != kPublicBytes || signature.size() != kSignatureBytes) return false;
  const Pkey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key), public_key.size()));
  const Digest context(EVP_MD_CTX_new());
  const bool holds = key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                     EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
  ERR_clear_error();
  return holds;
}

}  // namespace ringfence

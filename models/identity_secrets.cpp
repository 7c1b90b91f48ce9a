// SPDX-License-Identifier: Apache-2.0
#include "models/identity_secrets.h"

#include <algorithm>
#include <array>
#include <bit>
#include <initializer_list>

#include "engine/event/char_set.h"
#include "models/byte_masks.h"
#include "models/scope_spelling.h"

namespace ringfence::identity {
namespace {

constexpr std::size_t kPathBytes = 1024;
constexpr std::size_t kTextBytes = 256;
constexpr std::size_t kCommandBytes = 4096;
constexpr std::size_t kLeaves = 64;
constexpr CharSet kWordBreaks(" \t\r\n\"'`=;|&<>(){}[],"), kSigns("._/\\"), kEdges("/:@");
constexpr bytes::Set kRawEdges("/\\:@");
constexpr std::string_view kBehindName = "?#";

enum class Where : std::uint8_t {
  End,        // the last segment is this
  Beginning,  // the last segment begins with this
  Suffix,     // the last segment ends in this
  Key,        // and says that it is a key's, and not its public half: certificates, which anybody may read, end so too
  Inside,     // these segments stand anywhere in the path
};

struct Place {
  Where where{};
  std::string_view text;
  std::string_view words;
};

constexpr std::string_view kSshKey = "an SSH key", kCloud = "cloud credentials", kPasswords = "stored passwords",
                           kKeyFile = "a private key file", kEnvironment = "an environment file", kCluster = "cluster credentials",
                           kTokens = "stored tokens";

constexpr auto kPlaces = std::to_array<Place>({
    {Where::End, "id_rsa", kSshKey},
    {Where::End, "id_dsa", kSshKey},
    {Where::End, "id_ecdsa", kSshKey},
    {Where::End, "id_ed25519", kSshKey},
    {Where::Inside, ".aws/credentials", kCloud},
    {Where::Inside, ".azure/accesstokens.json", kCloud},
    {Where::Inside, ".config/gcloud", kCloud},
    {Where::End, "application_default_credentials.json", kCloud},
    {Where::Inside, "169.254.169.254", kCloud},
    {Where::Inside, "metadata.google.internal", kCloud},
    {Where::Inside, ".kube/config", kCluster},
    {Where::Inside, "secrets/kubernetes.io/serviceaccount", kCluster},
    {Where::End, ".netrc", kPasswords},
    {Where::End, ".pgpass", kPasswords},
    {Where::End, ".htpasswd", kPasswords},
    {Where::Inside, "etc/shadow", kPasswords},
    {Where::End, "login.keychain-db", kPasswords},
    {Where::Suffix, ".kdbx", kPasswords},
    {Where::Inside, ".password-store", kPasswords},
    {Where::End, ".git-credentials", kTokens},
    {Where::Inside, ".docker/config.json", kTokens},
    {Where::End, ".pypirc", kTokens},
    {Where::End, ".vault-token", kTokens},
    {Where::Key, ".pem", kKeyFile},
    {Where::Inside, "ssl/private", kKeyFile},
    {Where::Suffix, ".p12", kKeyFile},
    {Where::Suffix, ".pfx", kKeyFile},
    {Where::Suffix, ".jks", kKeyFile},
    {Where::Suffix, ".ppk", kKeyFile},
    {Where::Inside, ".gnupg", kKeyFile},
    {Where::End, ".env", kEnvironment},
    {Where::Beginning, ".env.", kEnvironment},
});
constexpr char small(char c) { return c == '\\' ? '/' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// With what the places of some kinds begin, or end: two characters each. Asked before anything is looked at closely; may know others too.
class Marks {
 public:
  constexpr Marks(std::initializer_list<Where> kinds, bool at_end) {
    for (const Place& place : kPlaces)
      for (const Where kind : kinds) {
        const std::string_view two = at_end ? place.text.substr(place.text.size() - 2) : place.text.substr(0, 2);
        if (place.where == kind) has_[index(two[0], two[1])] = true;
      }
  }
  [[nodiscard]] constexpr bool has(char first, char second) const { return has_[index(small(first), small(second))]; }

 private:
  static constexpr std::size_t index(char first, char second) {
    return (static_cast<unsigned char>(first) * 61U + static_cast<unsigned char>(second)) % 512;
  }
  std::array<bool, 512> has_{};
};
constexpr Marks kInsideMarks({Where::Inside}, false), kNameMarks({Where::End, Where::Beginning}, false),
    kEndMarks({Where::Suffix, Where::Key}, true);
/// With what the places inside a path begin.
constexpr CharSet kInsideBegins(".1mse");
static_assert(std::ranges::all_of(kPlaces,
                                  [](const Place& one) { return one.where != Where::Inside || kInsideBegins.has(one.text.front()); }));

/// False where no place can be: most paths are read once and no more.
bool may_name(std::string_view path) {
  std::uint64_t before = 1;  // bit 0: a segment may begin here
  for (std::size_t from = 0; from < path.size(); from += bytes::kBlock) {
    const std::string_view block = path.substr(from, bytes::kBlock);
    const std::uint64_t edges = bytes::where_in<kRawEdges>(block);
    for (std::uint64_t begins = edges << 1U | before; begins != 0; begins &= begins - 1) {
      const std::size_t at = from + static_cast<std::size_t>(std::countr_zero(begins));
      if (at + 1 < path.size() && kInsideMarks.has(path[at], path[at + 1])) return true;
    }
    before = edges >> 63U;
  }
  const auto slash = std::find_if(path.rbegin(), path.rend(), [](char c) { return small(c) == '/'; });
  std::string_view name(slash.base(), path.end());
  name = name.substr(0, name.find_first_of(kBehindName));
  return name.size() >= 2 && (kNameMarks.has(name[0], name[1]) || kEndMarks.has(name[name.size() - 2], name.back()));
}

constexpr std::array<std::string_view, 5> kHarmless{".pub", ".example", ".sample", ".template", ".dist"};

/// Where in a path segments begin as a place inside one does: for most paths hardly anywhere.
struct Beginnings {
  explicit Beginnings(std::string_view path) {
    for (std::size_t at = 0; at < path.size(); at = kEdges.find(path, at) + 1)
      if (kInsideBegins.has(path[at])) places[count++] = static_cast<std::uint16_t>(at);
  }
  std::array<std::uint16_t, kPathBytes> places;  // NOLINT(cppcoreguidelines-pro-type-member-init): the first `count` are written
  std::size_t count = 0;
};

/// The segments of `text` stand one after another in `path`, from one separator to the next.
bool holds_segments(std::string_view path, std::string_view text, const Beginnings& beginnings) {
  return std::any_of(beginnings.places.begin(), beginnings.places.begin() + beginnings.count, [&](std::size_t at) {
    const std::size_t end = at + text.size();
    return path[at] == text.front() && path.substr(at).starts_with(text) &&
           (end == path.size() || kEdges.has(path[end]) || path[end] == '?');
  });
}

bool names(const Place& place, std::string_view path, std::string_view last, const Beginnings& beginnings) {
  switch (place.where) {
    case Where::End:
      return last == place.text;
    case Where::Beginning:
      return last.starts_with(place.text);
    case Where::Suffix:
      return last.ends_with(place.text) && last.size() > place.text.size();
    case Where::Key:
      return last.ends_with(place.text) && last.find("pub") == std::string_view::npos &&
             (last.find("key") != std::string_view::npos || last.find("priv") != std::string_view::npos);
    case Where::Inside:
      return holds_segments(path, place.text, beginnings);
  }
  return false;
}

/// The job names such a place itself: reading it is declared.
bool declared(const Act& act, std::string_view words) {
  if (!act.match.action) return false;
  const auto& globs = act.persona.actions[*act.match.action].resources.globs();
  return std::ranges::any_of(globs, [&](const Glob& glob) {
    return credential_store(glob.pattern()) == words || (words == kKeyFile && glob.pattern().ends_with(".pem"));
  });
}

/// Words of a command line are places too, and of a short text that asks for something; a message to somebody is only words.
std::size_t bytes_with_words(const Act& act) {
  if (!act.effect || *act.effect == Effect::Read) return kTextBytes;
  return *act.effect == Effect::Execute ? kCommandBytes : 0;
}

std::string_view in_text(std::string_view text, std::size_t bytes_with_words) {
  if (text.size() > bytes_with_words)
    return text.size() <= kTextBytes || !kWordBreaks.any_in(text) ? credential_store(text) : std::string_view{};
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = kWordBreaks.find(text, at);
    if (const std::string_view found = credential_store(text.substr(at, end - at)); !found.empty()) return found;
    at = end + 1;
  }
  return {};
}

/// As it is written.
std::string_view store_named(std::string_view path) {
  if (path.size() < 4 || path.size() > kPathBytes || !may_name(path)) return {};
  std::array<char, kPathBytes> lowered;  // NOLINT(cppcoreguidelines-pro-type-member-init): written right here
  std::ranges::transform(path, lowered.begin(), small);
  const std::string_view all(lowered.data(), path.size());
  const std::size_t slash = all.rfind('/');
  const std::string_view segment = slash == std::string_view::npos ? all : all.substr(slash + 1);
  const std::string_view last = segment.substr(0, segment.find_first_of(kBehindName));
  if (std::ranges::any_of(kHarmless, [&](std::string_view end) { return last.ends_with(end); })) return {};
  const Beginnings beginnings(all);
  const auto place = std::ranges::find_if(kPlaces, [&](const Place& one) { return names(one, all, last, beginnings); });
  return place == kPlaces.end() ? std::string_view{} : place->words;
}

/// Escapes, empty segments but for those behind a scheme, `.` and `..`, a host's final dot, and a slash at the end: the place may be
/// written another way.
bool may_be_written_otherwise(std::string_view path) {
  char before = '\0', last = '\0';
  for (const char raw : path) {
    const char c = raw == '\\' ? '/' : raw;
    const bool dots = (last == '/' && c == '.') || (last == '.' && c == '/'), empty = last == '/' && c == '/' && before != ':';
    if (c == '%' || dots || empty) return true;
    before = last;
    last = c;
  }
  return last == '/';
}

}  // namespace

std::string_view credential_store(std::string_view path) {
  std::string_view found = store_named(path);
  if (!found.empty() || path.size() > kPathBytes || !may_be_written_otherwise(path)) return found;
  (void)scope::in_any_spelling(path, [&](std::string_view spelling) {
    found = store_named(spelling);
    return !found.empty();
  });
  return found;
}

std::string_view reads_credential_store(const Act& act) {
  if (act.effect == Effect::Write || act.effect == Effect::Delete) return {};
  std::string_view found = act.event.resource.uri ? credential_store(*act.event.resource.uri) : std::string_view{};
  if (found.empty() && act.event.args) {
    const std::size_t with_words = bytes_with_words(act);
    for (const JsonLeaf& leaf : act.event.args->leaves.first(std::min(act.event.args->leaves.size(), kLeaves))) {
      if (leaf.kind != JsonLeaf::Kind::String || !kSigns.any_in(leaf.text)) continue;
      if (found = in_text(leaf.text, with_words); !found.empty()) break;
    }
  }
  return !found.empty() && declared(act, found) ? std::string_view{} : found;
}

}  // namespace ringfence::identity

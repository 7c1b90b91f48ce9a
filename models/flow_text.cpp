// SPDX-License-Identifier: Apache-2.0
#include "models/flow_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "engine/event/char_set.h"
#include "models/byte_masks.h"
#include "models/flow_scanner.h"

namespace ringfence::flow {

namespace {

constexpr std::size_t kBareBytes = 80;
constexpr std::size_t kBareWords = 3;
constexpr bytes::Set kSpaces(" \t\n\v\f\r");

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// The patterns of the word tables, all at once: a bit a pattern, a shift a word.
class Patterns {
 public:
  explicit Patterns(const Words& lexicon) : lexicon_(lexicon) {}

  /// Patterns that end with this word; `behind` is the character after it.
  std::uint64_t step(const WordEntry& entry, char behind) {
    const std::uint64_t third = second_ & entry.places[2];
    second_ = first_ & entry.places[1];
    first_ = entry.places[0];
    std::uint64_t hits = (first_ & lexicon_.ends(0)) | (second_ & lexicon_.ends(1)) | (third & lexicon_.ends(2));
    for (std::uint64_t marked = hits & lexicon_.marked(); marked != 0; marked &= marked - 1) {
      const int pattern = std::countr_zero(marked);
      if (lexicon_.mark(pattern) != behind) hits &= ~(std::uint64_t{1} << static_cast<unsigned>(pattern));
    }
    return hits;
  }
  void reset() { first_ = second_ = 0; }

 private:
  const Words& lexicon_;
  std::uint64_t first_ = 0, second_ = 0;
};

/// What a character between two words means for orders.
enum class Mark : std::uint8_t {
  Nothing,  // spaces, marks around words, and marks that are not ASCII
  Part,     // any other: what stands before it is over, no order begins behind it
  Comma,
  Opens,  // an order may begin behind it
  Colon,
  Stop,
  NewLine,
};
constexpr std::array<Mark, 256> kMarks = [] {
  std::array<Mark, 256> marks{};
  for (std::size_t c = 0; c < 128; ++c) marks.at(c) = Mark::Part;
  const auto set = [&](std::string_view characters, Mark mark) {
    for (const char c : characters) marks.at(static_cast<unsigned char>(c)) = mark;
  };
  set(" \t\r\"'*-#~", Mark::Nothing);
  set(",", Mark::Comma);
  set(";>)]", Mark::Opens);
  set(":", Mark::Colon);
  set(".!?", Mark::Stop);
  set("\n", Mark::NewLine);
  return marks;
}();

/// Sentences and orders of one leaf (flow.md §2, rules 2 to 4). First its words; only where one of them can begin an order, what stands
/// between them.
class ProseReader {
 public:
  ProseReader(const Words& lexicon, std::string_view text, ProseText& out)
      : lexicon_(lexicon), text_(text), patterns_(lexicon), out_(out) {}

  void read() {
    unsigned classes = 0;
    each_word(text_, [&](std::size_t begin, std::size_t end, std::string_view word) {
      const std::uint64_t hash = word_hash(word);
      const WordEntry* const entry = lexicon_.find(hash);
      out_.words.push_back(hash);
      out_.places.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin), entry});
      if (entry != nullptr) classes |= entry->classes;
    });
    if ((classes & (WordEntry::Verb | WordEntry::BeginsOrder)) != 0) find_orders();
  }

 private:
  void find_orders() {
    std::size_t behind = 0;
    for (next_ = 0; next_ < out_.words.size(); ++next_) {
      const WordPlace& place = out_.places[next_];
      if (place.first > behind + 1 || text_[behind] != ' ') marks(behind, place.first);
      behind = place.first + place.size;
      word(place);
    }
    marks(behind, text_.size());
    end_sentence();
    carry_orders();
  }

  [[nodiscard]] char at(std::size_t place) const { return place < text_.size() ? text_[place] : '\0'; }

  void word(const WordPlace& place) {
    if (!lettered_) {
      const std::string_view written = text_.substr(place.first, place.size);
      const auto letter = std::ranges::find_if(written, is_letter);
      lettered_ = letter != written.end();
      now_.lower_start = lettered_ && *letter >= 'a';
    }
    const WordEntry* const entry = place.entry;
    if (entry == nullptr) {
      settle();
      open_ = false;
      return;
    }
    if (verb_ && (entry->classes & WordEntry::Copula) == 0) now_.commands = true;
    verb_ = false;
    const std::uint64_t hits = patterns_.step(*entry, at(place.first + place.size));
    if ((hits & lexicon_.of(Words::Meaning::Order)) != 0) now_.commands = true;
    if ((hits & lexicon_.of(Words::Meaning::Addressed)) != 0) out_.addressed = true;
    now_.kin |= entry->kin;
    now_.nouns |= entry->nouns;
    const bool open = std::exchange(open_, (entry->classes & WordEntry::Opener) != 0);
    if (open && (entry->classes & WordEntry::Verb) != 0) verb_ = (hits & lexicon_.of(Words::Meaning::Courtesy)) == 0;
    if (open && (entry->classes & WordEntry::Filler) != 0) open_ = true;
  }

  /// What lies between two words.
  void marks(std::size_t first, std::size_t last) {
    for (; first < last; ++first) {
      const Mark mark = kMarks[static_cast<unsigned char>(text_.data()[first])];
      if (mark == Mark::Nothing) continue;
      if (mark == Mark::NewLine) {
        new_line(first + 1);
        continue;
      }
      if (mark == Mark::Colon) verb_ = false;
      settle();
      if (mark != Mark::Comma) open_ = mark == Mark::Opens || mark == Mark::Colon;
      if (mark == Mark::Stop) stop(first);
    }
  }

  void stop(std::size_t place) {
    const char behind = at(place + 1);
    const bool last = behind == '\0' || is_space(behind);
    open_ = text_[place] != '.' || last;
    if (last) end_sentence();
  }

  void new_line(std::size_t place) {
    while (at(place) == ' ' || at(place) == '\t' || at(place) == '\r') ++place;
    const bool blank = at(place) == '\n';
    if (blank || list_marker(place)) end_sentence();
    if (blank) ++paragraph_;
    open_ = true;
  }

  [[nodiscard]] bool list_marker(std::size_t place) const {
    const char c = at(place);
    if (c == '-' || c == '*') return is_space(at(place + 1));
    if (text_.substr(std::min(place, text_.size())).starts_with("\xE2\x80\xA2")) return true;
    if (!is_digit(c)) return false;
    while (is_digit(at(place))) ++place;
    return (at(place) == '.' || at(place) == ')') && is_space(at(place + 1));
  }

  /// What stands before a mark is over: the verb of an order is followed by no copula, and no pattern goes on.
  void settle() {
    if (verb_) now_.commands = true;
    verb_ = false;
    patterns_.reset();
  }

  void end_sentence() {
    settle();
    now_.last = next_;
    now_.paragraph = paragraph_;
    if (now_.last > now_.first) out_.sentences.push_back(now_);
    now_ = {};
    now_.first = next_;
    lettered_ = false;
    open_ = true;
  }

  /// A sentence that begins in lower case goes on with the one before; in an addressed text an order holds to the end of the paragraph.
  void carry_orders() {
    bool before = false;
    bool ordered = false;
    std::size_t paragraph = 0;
    for (Sentence& sentence : out_.sentences) {
      if (sentence.paragraph != paragraph) before = ordered = false;
      paragraph = sentence.paragraph;
      if (!sentence.commands) sentence.commands = (before && sentence.lower_start) || (out_.addressed && ordered);
      before = sentence.commands;
      ordered = ordered || sentence.commands;
      out_.commands = out_.commands || sentence.commands;
    }
  }

  const Words& lexicon_;
  std::string_view text_;
  Patterns patterns_;
  ProseText& out_;
  std::size_t next_ = 0;  // the word that comes next
  Sentence now_;
  std::size_t paragraph_ = 0;
  bool open_ = true;       // a verb here begins an order
  bool verb_ = false;      // the word before was such a verb
  bool lettered_ = false;  // the sentence has had a letter
};

// Addresses.

constexpr bytes::Set kAddressSigns(".@0123456789");
constexpr CharSet kAddressBreaks(" \t\r\n\v\f,;<>\"'()[]{}\\|`*!"), kAroundAddress(".,:;?!*_~-#=");
constexpr std::size_t kIbanLeast = 12, kIbanMost = 34;

bool spells_host(std::string_view host, const Words& lexicon) {
  const std::size_t dot = host.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || host.find("..") != std::string_view::npos) return false;
  if (!std::ranges::all_of(host, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; })) return false;
  const WordEntry* const entry = lexicon.find(word_hash(lower_case(host.substr(dot + 1))));
  return entry != nullptr && (entry->classes & WordEntry::HostEnding) != 0;
}

bool spells_mailbox(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view domain = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  const std::size_t dot = domain.rfind('.');
  return at > 0 && dot != std::string_view::npos && dot > 0 && dot + 1 < domain.size() && is_letter(domain.back());
}

bool spells_account(std::string_view text) {
  return text.size() >= kIbanLeast && text.size() <= kIbanMost && is_letter(text[0]) && is_letter(text[1]) && is_digit(text[2]) &&
         is_digit(text[3]) && std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

/// `link:shop.example` and `mailto:ann@shop.example`: what stands before the last of a few colons is no part of it.
constexpr int kColonsMost = 4;

/// The address within a piece of text without breaks; empty where there is none.
std::string_view address_of(std::string_view piece, const Words& lexicon) {
  if (const std::size_t slashes = piece.find("://"); slashes != std::string_view::npos) {
    std::size_t begin = slashes;
    while (begin > 0 && is_letter(piece[begin - 1])) --begin;
    return begin < slashes ? piece.substr(begin) : std::string_view{};
  }
  for (int colons = 0; colons < kColonsMost; ++colons) {
    const std::size_t colon = piece.find(':');
    if (lower_case(piece.substr(0, 4)) == "www." || spells_account(piece)) return piece;
    if (colon == std::string_view::npos && spells_mailbox(piece)) return piece;
    if (spells_host(piece.substr(0, std::min({piece.find('/'), colon, piece.size()})), lexicon)) return piece;
    if (colon == std::string_view::npos) break;
    piece.remove_prefix(colon + 1);
  }
  return {};
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = small(c);
  return out;
}

WordList words_of(std::string_view value) {
  WordList words;
  std::size_t start = value.starts_with("://") ? 3 : 0;  // where a scheme or `www` may stand
  const auto in_front = [&](std::size_t end, std::string_view word) {
    const std::string_view behind = value.substr(end);
    const bool scheme = start == 0 && behind.starts_with("://") && std::ranges::all_of(word, is_letter);
    start = scheme ? end + 3 : std::string_view::npos;
    return scheme || (word == "www" && behind.starts_with('.') && behind.size() > 1);
  };
  each_word(value, [&](std::size_t begin, std::size_t end, std::string_view word) {
    if (begin != start || !in_front(end, word)) words.push_back(word_hash(word));
  });
  return words;
}

std::uint64_t lone_word(std::string_view text) {
  if (text.empty() || text.size() > bytes::kLane) return 0;
  const bytes::Lane small = bytes::made_small(bytes::lane(text.data(), text.size()));
  if (bytes::tops(bytes::in<SmallText::kSmall>(small)) != (std::uint64_t{1} << text.size()) - 1) return 0;
  std::array<char, bytes::kLane> word;  // NOLINT(cppcoreguidelines-pro-type-member-init): written right here
  std::memcpy(word.data(), &small, sizeof small);
  return word_hash({word.data(), text.size()});
}

bool distinctive(std::string_view value) {
  const auto telling = [](char c) { return is_digit(c) || c == '@' || c == '.' || c == '_' || c == '-'; };
  return value.size() >= 12 || value.find(' ') != std::string_view::npos || (value.size() >= 4 && std::ranges::any_of(value, telling));
}

bool is_bare(std::string_view leaf) {
  if (leaf.size() > kBareBytes) return false;
  std::size_t words = 0;
  bytes::each_piece<kSpaces>(leaf, [&](std::string_view) { ++words; });
  return words <= kBareWords;
}

std::uint32_t stem_at(std::string_view text, WordPlace place, std::uint64_t hash) {
  if (place.size <= kStemLetters) return static_cast<std::uint32_t>(hash);  // the word itself
  std::array<char, kStemLetters> stem;  // NOLINT(cppcoreguidelines-pro-type-member-init): written right here
  std::ranges::transform(text.substr(place.first, kStemLetters), stem.begin(), small);
  return stem_of({stem.data(), stem.size()});
}

ProseText read_prose(const Words& lexicon, std::string_view leaf) {
  ProseText prose;
  ProseReader(lexicon, leaf, prose).read();
  return prose;
}

TaskText read_task(const Words& lexicon, std::string_view text) {
  TaskText task;
  Patterns patterns(lexicon);
  each_word(text, [&](std::size_t, std::size_t end, std::string_view word) {
    const std::uint64_t hash = word_hash(word);
    task.words.push_back(hash);
    const WordEntry* const entry = lexicon.find(hash);
    if (entry == nullptr) return patterns.reset();
    if ((patterns.step(*entry, end < text.size() ? text[end] : '\0') & lexicon.of(Words::Meaning::Follows)) != 0) task.follows = true;
    task.kin |= entry->kin;
    task.nouns |= entry->nouns;
  });
  return task;
}

std::vector<std::string_view> addresses_in(const Words& lexicon, std::string_view text) {
  std::vector<std::string_view> found;
  if (bytes::find_in<kAddressSigns>(text) == text.size()) return found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = kAddressBreaks.find(text, at);
    std::string_view piece = text.substr(at, end - at);
    at = end + 1;
    while (!piece.empty() && kAroundAddress.has(piece.front())) piece.remove_prefix(1);
    while (!piece.empty() && kAroundAddress.has(piece.back())) piece.remove_suffix(1);
    if (const std::string_view address = address_of(piece, lexicon); !address.empty()) found.push_back(address);
  }
  return found;
}

}  // namespace ringfence::flow

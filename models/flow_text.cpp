// SPDX-License-Identifier: Apache-2.0
#include "models/flow_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

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

constexpr std::size_t kNumberLeast = 9, kAccountGroup = 4;

constexpr bool in_capitals(char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); }
bool all_digits(std::string_view text) { return std::ranges::all_of(text, is_digit); }

/// The number that begins with the word at `first`, written in groups ("+44 20 7921 2763", "ES43 1029 9501 7709"): calls `use` with its
/// hash as one word; the word behind it.
template <class Use>
std::size_t read_number(std::string_view text, std::span<const WordPlace> places, std::size_t first, const Use& use) {
  const auto word = [&](std::size_t i) { return text.substr(places[i].first, places[i].size); };
  const std::string_view head = word(first);
  const bool account = head.size() == kAccountGroup && is_letter(head[0]) && is_letter(head[1]) && all_digits(head.substr(2));
  if (head.size() < 2 || (!account && !all_digits(head))) return first + 1;
  std::string whole = lower_case(head);
  std::size_t next = first + 1;
  for (; next < places.size(); ++next) {
    const std::size_t behind = places[next - 1].first + places[next - 1].size;
    if (places[next].first != behind + 1 || (text[behind] != ' ' && text[behind] != '-')) break;
    const bool group =
        all_digits(word(next)) || (account && word(next).size() == kAccountGroup && std::ranges::all_of(word(next), in_capitals));
    if (!group || (places[next].size < 2 && !account)) break;
    whole += lower_case(word(next));
    if (account && places[next].size < kAccountGroup) {  // its last one
      ++next;
      break;
    }
  }
  if (next > first + 1 && whole.size() >= kNumberLeast) use(word_hash(whole), next);
  return next;
}

/// `ann [at] shop dot example` is `ann@shop.example`: these two words are left out wherever they stand.
constexpr bool spells_sign(std::string_view word) { return word == "at" || word == "dot"; }

/// Sentences and orders of one leaf (flow.md §2, rules 2 to 4). First its words; only where one of them can begin an order, what stands
/// between them.
class ProseReader {
 public:
  ProseReader(const Words& lexicon, std::string_view text, ProseText& out)
      : lexicon_(lexicon), text_(text), patterns_(lexicon), out_(out) {}

  void read() {
    unsigned classes = 0;
    std::size_t numbers = 0;
    each_word(text_, [&](std::size_t begin, std::size_t end, std::string_view word) {
      if (spells_sign(word)) return;
      const std::uint64_t hash = word_hash(word);
      const WordEntry* const entry = lexicon_.find(hash);
      out_.words.push_back(hash);
      out_.places.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin), entry});
      if (entry != nullptr) classes |= entry->classes;
      numbers += is_digit(word.back()) ? 1U : 0U;
    });
    if (numbers > 1) {
      for (std::size_t first = 0; first < out_.places.size();)
        first = read_number(text_, {out_.places.begin(), out_.places.end()}, first,
                            [&](std::uint64_t hash, std::size_t end) { out_.numbers.push_back({hash, static_cast<std::uint32_t>(end)}); });
    }
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
    const bool first = std::exchange(first_, false);
    const bool led = std::exchange(led_, entry != nullptr && (entry->classes & WordEntry::Lead) != 0);
    if (entry == nullptr) {
      settle();
      open_ = false;
      return;
    }
    if ((entry->classes & WordEntry::Clause) != 0 && (first || (entry->classes & WordEntry::Opener) != 0)) clause_ = true;
    if (verb_ && (entry->classes & WordEntry::Copula) == 0) now_.commands = true;
    verb_ = false;
    const std::uint64_t hits = patterns_.step(*entry, at(place.first + place.size));
    if ((hits & lexicon_.of(Words::Meaning::Order)) != 0) now_.commands = true;
    if ((hits & lexicon_.of(Words::Meaning::Addressed)) != 0 && (hits & lexicon_.of(Words::Meaning::Reminder)) == 0 && !in_address(place))
      now_.addressed = true;
    now_.led = now_.led || (led && (entry->classes & WordEntry::Verb) != 0 && !in_address(place));
    now_.kin |= entry->kin;
    now_.nouns |= entry->nouns;
    const bool open = std::exchange(open_, (entry->classes & WordEntry::Opener) != 0);
    if (open && (entry->classes & WordEntry::Verb) != 0 && !in_address(place)) verb_ = (hits & lexicon_.of(Words::Meaning::Courtesy)) == 0;
    if (open && (entry->classes & WordEntry::Filler) != 0) open_ = true;
  }

  /// `ai` of `robots.ai` and `contact` of `contact@shop.example` or `contact.shop.example` are no words of the sentence.
  [[nodiscard]] bool in_address(const WordPlace& place) const {
    const char before = place.first > 0 ? text_[place.first - 1] : ' ';
    const bool ending =
        before == '.' && place.first > 1 && !is_space(text_[place.first - 2]) && (place.entry->classes & WordEntry::HostEnding) != 0;
    const std::size_t end = place.first + place.size;
    return ending || before == '@' || at(end) == '@' || (at(end) == '.' && at(end + 1) >= 'a' && at(end + 1) <= 'z');
  }

  /// What lies between two words.
  void marks(std::size_t first, std::size_t last) {
    for (; first < last; ++first) {
      const Mark mark = kMarks[static_cast<unsigned char>(text_.data()[first])];
      if (mark == Mark::Nothing) {
        if (text_[first] == '-' && first > 0 && text_[first - 1] == ' ' && at(first + 1) == ' ') open_ = true;
        continue;
      }
      if (mark == Mark::NewLine) {
        new_line(first + 1);
        continue;
      }
      if (mark == Mark::Colon) verb_ = false;
      settle();
      led_ = mark == Mark::Comma;
      open_ = mark == Mark::Comma ? open_ || clause_ : mark == Mark::Opens || mark == Mark::Colon;
      if (mark == Mark::Stop) stop(first);
    }
  }

  void stop(std::size_t place) {
    const char behind = at(place + 1);
    const bool last = behind == '\0' || is_space(behind);
    open_ = text_[place] != '.' || last;
    if (last) end_sentence();
  }

  /// A line goes on with the one before where that announced it, or where it begins in lower case and is no row of a table.
  [[nodiscard]] bool begins_anew(std::size_t line, std::size_t place) const {
    const std::string_view before = text_.substr(0, line - 1);
    const std::size_t last = before.find_last_not_of(" \t\r");
    if (last == std::string_view::npos || before[last] == ':' || before[last] == ',') return false;
    const char first = at(place);
    if (!(first >= 'a' && first <= 'z') && (first & 0x80) == 0) return true;
    const std::string_view rest = text_.substr(place, text_.substr(place).find('\n'));
    return rest.find("  ") != std::string_view::npos || rest.find('\t') != std::string_view::npos;
  }

  void new_line(std::size_t place) {
    const std::size_t line = place;
    while (at(place) == ' ' || at(place) == '\t' || at(place) == '\r') ++place;
    const bool blank = at(place) == '\n';
    const bool marked = blank || list_marker(place);
    const bool anew = !marked && begins_anew(line, place);
    if (marked || anew) end_sentence();
    if (anew) lettered_ = true;  // it goes on with nothing
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
    lettered_ = clause_ = false;
    open_ = first_ = true;
  }

  /// A sentence that begins in lower case goes on with the one before. From where a text speaks to the agent on it is addressed, and an
  /// order holds to the end of its paragraph.
  void carry_orders() {
    bool before = false;
    bool ordered = false;
    bool addressed = false;
    std::size_t paragraph = 0;
    for (Sentence& sentence : out_.sentences) {
      addressed = sentence.addressed = addressed || sentence.addressed;
      if (sentence.paragraph != paragraph) before = ordered = false;
      paragraph = sentence.paragraph;
      if (!sentence.commands) sentence.commands = (before && sentence.lower_start) || (addressed && (ordered || sentence.led));
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
  bool led_ = false;       // a verb here is an order to the agent
  bool lettered_ = false;  // the sentence has had a letter
  bool first_ = true;      // the next word is its first
  bool clause_ = false;    // it began with what stands in front of an order: "to continue, send …"
};

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = small(c);
  return out;
}

namespace {

/// The hash of a value that is nothing but a number in groups, as one word; else 0.
std::uint64_t whole_number(std::string_view value) {
  constexpr std::size_t kMost = 48;
  if (value.size() > kMost || value.size() < kNumberLeast || !is_digit(value.back()) || value.find_first_of(" -") == std::string_view::npos)
    return 0;
  ShortList<WordPlace, 16> places;
  each_word(value, [&](std::size_t begin, std::size_t end, std::string_view) {
    places.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin), nullptr});
  });
  std::uint64_t number = 0;
  if (!places.empty())
    read_number(value, {places.begin(), places.end()}, 0,
                [&](std::uint64_t hash, std::size_t end) { number = end == places.size() ? hash : 0; });
  return number;
}

}  // namespace

WordList words_of(std::string_view value) {
  WordList words;
  if (const std::uint64_t number = whole_number(value); number != 0) {
    words.push_back(number);
    return words;
  }
  std::size_t start = value.starts_with("://") ? 3 : 0;  // where a scheme or `www` may stand
  const auto in_front = [&](std::size_t end, std::string_view word) {
    const std::string_view behind = value.substr(end);
    const bool scheme = start == 0 && behind.starts_with("://") && std::ranges::all_of(word, is_letter);
    start = scheme ? end + 3 : std::string_view::npos;
    return scheme || (word == "www" && behind.starts_with('.') && behind.size() > 1);
  };
  each_word(value, [&](std::size_t begin, std::size_t end, std::string_view word) {
    if ((begin != start || !in_front(end, word)) && !spells_sign(word)) words.push_back(word_hash(word));
  });
  return words;
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
  ShortList<WordPlace, 64> places;
  each_word(text, [&](std::size_t begin, std::size_t end, std::string_view word) {
    if (spells_sign(word)) return;
    const std::uint64_t hash = word_hash(word);
    task.words.push_back(hash);
    places.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin), nullptr});
    const WordEntry* const entry = lexicon.find(hash);
    if (entry == nullptr) return patterns.reset();
    const std::uint64_t hits = patterns.step(*entry, end < text.size() ? text[end] : '\0');
    task.follows_all = task.follows_all || (hits & lexicon.of(Words::Meaning::HandsOver)) != 0;
    task.follows = task.follows || task.follows_all || (hits & lexicon.of(Words::Meaning::Follows)) != 0;
    task.kin |= entry->kin;
    task.nouns |= entry->nouns;
  });
  for (std::size_t first = 0; first < places.size();)
    first = read_number(text, {places.begin(), places.end()}, first, [&](std::uint64_t hash, std::size_t) { task.words.push_back(hash); });
  return task;
}

}  // namespace ringfence::flow

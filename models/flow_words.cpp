// SPDX-License-Identifier: Apache-2.0
#include "models/flow_words.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <optional>

#include "engine/event/event.h"

namespace ringfence {
/// Built from config/words by the build (cmake/modules.cmake, ringfence_embed).
std::span<const std::string_view> embedded_words();
}  // namespace ringfence

namespace ringfence::flow {

namespace {

constexpr std::string_view kMarks = ",:>]|";

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

std::uint32_t stem_of(std::string_view lower_case) { return static_cast<std::uint32_t>(hash64(lower_case.substr(0, kStemLetters))); }

std::vector<std::string> forms_of(std::string_view word) {
  const std::string base(word);
  std::vector<std::string> forms{base, base + "s", base + "es", base + "d", base + "ed", base + "ing", base + "ly"};
  if (base.size() < 3) return {base};
  const std::string less = base.substr(0, base.size() - 1);
  if (base.ends_with('e')) forms.push_back(less + "ing");
  if (base.ends_with('y')) {
    forms.push_back(less + "ies");
    forms.push_back(less + "ied");
  }
  if (std::string_view("bdgmnprt").find(base.back()) != std::string_view::npos) {
    forms.push_back(base + base.back() + "ed");
    forms.push_back(base + base.back() + "ing");
  }
  return forms;
}

class Words::Builder {
 public:
  /// Nothing, or what is wrong with the line.
  std::optional<std::string> take(std::string_view line) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return "expected `name: words`";
    const std::vector<std::string_view> name = split(line.substr(0, colon), ' ');
    const std::vector<std::string_view> words = split(line.substr(colon + 2), ' ');
    if (name.empty() || words.empty()) return "expected `name: words`";
    if (name.size() == 2 && name[0] == "kin") return add_row(words_.kin_rows_, name[1], words, &WordEntry::kin);
    if (name.size() == 2 && name[0] == "effect") return add_effect(name[1], words);
    if (name.size() == 2 && name[0] == "nouns") return add_row(words_.noun_rows_, name[1], words, &WordEntry::nouns);
    if (name.size() != 1) return "unknown name '" + std::string(line.substr(0, colon)) + "'";
    if (name[0] == "order") return add_pattern(Meaning::Order, words);
    if (name[0] == "addressed") return add_pattern(Meaning::Addressed, words);
    if (name[0] == "courtesy") return add_pattern(Meaning::Courtesy, words);
    if (name[0] == "reminder") return add_pattern(Meaning::Reminder, words);
    if (name[0] == "follows") return add_pattern(Meaning::Follows, words);
    if (name[0] == "hands") return add_pattern(Meaning::HandsOver, words);
    constexpr std::array<std::pair<std::string_view, WordEntry::Class>, 8> kClasses{{{"verbs", WordEntry::Verb},
                                                                                     {"openers", WordEntry::Opener},
                                                                                     {"fillers", WordEntry::Filler},
                                                                                     {"copulas", WordEntry::Copula},
                                                                                     {"clauses", WordEntry::Clause},
                                                                                     {"common", WordEntry::Common},
                                                                                     {"leads", WordEntry::Lead},
                                                                                     {"hosts", WordEntry::HostEnding}}};
    const auto found = std::ranges::find(kClasses, name[0], [](const auto& row) { return row.first; });
    if (found == kClasses.end()) return "unknown name '" + std::string(name[0]) + "'";
    for (const std::string_view word : words) entry(word).classes |= found->second;
    return std::nullopt;
  }

  Words done() {
    const std::size_t size = std::bit_ceil(4 * entries_.size() + 4);
    words_.mask_ = size - 1;
    words_.table_.resize(size);
    for (auto& [hash, made] : entries_) {
      if ((made.places[0] & words_.of(Meaning::Order)) != 0) made.classes |= WordEntry::BeginsOrder;
      std::size_t at = hash & words_.mask_;
      while (words_.table_[at].hash != 0) at = (at + 1) & words_.mask_;
      words_.table_[at] = made;
    }
    std::string rows;
    for (const Rows* const table : {&words_.kin_rows_, &words_.noun_rows_})
      for (const auto& [word, number] : *table) rows += word + " " + std::to_string(number) + "\n";
    words_.rows_id_ = static_cast<std::uint32_t>(hash64(rows));
    return std::move(words_);
  }

 private:
  WordEntry& entry(std::string_view word) {
    WordEntry& made = entries_[word_hash(word)];
    made.hash = word_hash(word);
    return made;
  }

  std::optional<std::string> add_row(Rows& rows, std::string_view key, const std::vector<std::string_view>& words,
                                     std::uint64_t WordEntry::* field) {
    const auto [place, fresh] = rows.emplace(std::string(key), static_cast<int>(rows.size()));
    if (rows.size() > kMost) return "more rows than " + std::to_string(kMost);
    const bool kin = &rows == &words_.kin_rows_;
    if (kin && fresh) words_.kin_.emplace_back();
    for (const std::string_view word : words) {
      if (kin) words_.kin_[static_cast<std::size_t>(place->second)].words.emplace_back(word);
      for (const std::string& form : forms_of(word)) entry(form).*field |= std::uint64_t{1} << static_cast<unsigned>(place->second);
    }
    return std::nullopt;
  }

  /// After the rows of kin that it names.
  std::optional<std::string> add_effect(std::string_view effect, const std::vector<std::string_view>& verbs) {
    for (const std::string_view verb : verbs) {
      if (!words_.kin_rows_.contains(verb)) return "'" + std::string(verb) + "' has no kin";
      words_.effects_[std::string(effect)].emplace_back(verb);
    }
    return std::nullopt;
  }

  std::optional<std::string> add_pattern(Meaning meaning, std::vector<std::string_view> words) {
    if (words.size() > words_.ends_.size()) return "a pattern has at most three words";
    if (patterns_ == kMost) return "more patterns than " + std::to_string(kMost);
    const std::uint64_t bit = std::uint64_t{1} << patterns_;
    if (kMarks.find(words.back().back()) != std::string_view::npos) {
      words_.marked_ |= bit;
      words_.marks_[patterns_] = words.back().back();
      words.back().remove_suffix(1);
    }
    words_.meanings_[static_cast<std::size_t>(meaning)] |= bit;
    words_.ends_[words.size() - 1] |= bit;
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (const std::string_view alternative : split(words[i], '|')) {
        const bool inflected = meaning == Meaning::Follows && words.size() == 1;
        for (const std::string& form : inflected ? forms_of(alternative) : std::vector{std::string(alternative)})
          entry(form).places[i] |= bit;
      }
    }
    ++patterns_;
    return std::nullopt;
  }

  Words words_;
  std::map<std::uint64_t, WordEntry> entries_;
  std::size_t patterns_ = 0;
};

std::expected<Words, std::string> Words::parse(std::span<const std::string_view> files) {
  Builder builder;
  for (std::string_view file : files) {
    std::string whole;  // a line with those that continue it
    std::size_t number = 0;
    const auto finish = [&]() -> std::optional<std::string> { return whole.empty() ? std::nullopt : builder.take(whole); };
    for (const std::string_view line : split(file, '\n')) {
      ++number;
      if (line.starts_with('#')) continue;
      if (line.starts_with(' ')) {
        whole.append(line);
        continue;
      }
      if (const auto fault = finish()) return std::unexpected("before line " + std::to_string(number) + ": " + *fault);
      whole = line;
    }
    if (const auto fault = finish()) return std::unexpected("last line: " + *fault);
  }
  return builder.done();
}

const Words& Words::built_in() {
  static const Words kWords = [] {
    auto parsed = parse(embedded_words());
    if (!parsed) std::abort();  // a test reads the same bytes
    return std::move(*parsed);
  }();
  return kWords;
}

}  // namespace ringfence::flow

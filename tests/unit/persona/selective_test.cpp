// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/selective.h"

#include <gtest/gtest.h>

#include <string>

namespace ringfence {
namespace {

TEST(Selective, RefusesWhatMatchesEverything) {
  for (const char* predicate : {"",
                                "  ",
                                "*",
                                "%",
                                "**",
                                "%%",
                                "%_%",
                                "*.*",
                                "**/*",
                                "*:*",
                                "'%'",
                                "\"*\"",
                                "(*)",
                                ".*",
                                ".+",
                                "^.*$",
                                "^.+$",
                                ".",
                                "^",
                                "$",
                                "[\\s\\S]*",
                                "(?s).*",
                                "(?:.|\\n)*",
                                ".{0,}",
                                ".*?",
                                "(.*)",
                                "/.*/",
                                "[^\\x00]*",
                                ".*.*",
                                "1=1",
                                "1 = 1",
                                "'a'='a'",
                                "true",
                                "TRUE;",
                                "where 1=1",
                                "WHERE true",
                                "id = 7 or 1=1",
                                "x=1 OR 'a' = 'a'",
                                "name like '%'",
                                "1=1 and true",
                                "1==1",
                                "select * from customers",
                                "SELECT id, name FROM customers WHERE 1=1",
                                "select * from c where name like '%' order by id",
                                "x OR true",
                                "{}",
                                "[ ]",
                                "()",
                                "ALL",
                                "match_all",
                                "id >= 0",
                                "number>0",
                                "id is not null",
                                "c.customer_id <> ''",
                                "select * from c where c.id > -1"})
    EXPECT_EQ(matches_everything(predicate), true) << predicate;
}

TEST(Selective, RefusesItWhateverStandsAround) {
  const std::string blanks(4100, ' '), lines(4100, '\n');
  for (const std::string& predicate :
       {"*" + blanks, blanks + "*", "select * from patients" + blanks, "select *" + lines + "from patients", "id >= " + blanks + "0",
        "select * from patients /* " + std::string(5000, 'x') + " */", std::string(1 << 20, '*')})
    EXPECT_EQ(matches_everything(predicate), true) << predicate.substr(0, 40);
}

TEST(Selective, ReadsNoCommentOfSql) {
  for (const char* predicate :
       {"select * from patients where ward='a' or 1=1 -- ", "select * from patients -- where ward='a'",
        "select * from patients # where ward='a'", "select * from patients /* where ward='a' */",
        "select * from patients; -- where ward='a'", "select/**/*/**/from/**/patients", "select * from patients where ward='--' or 1=1",
        "ward='a' or 1=1#", "1=1 -- all of them\n", "a' or 1=1 --", "a' or 1=1 -- '", "1/**/=/**/1", "-- the ward's\n1=1"})
    EXPECT_EQ(matches_everything(predicate), true) << predicate;
  for (const char* predicate :
       {"#urgent", "#", "--", "/* */", "-- smith", "C-1 -- the first", "ward -- or none", "select * from patients where ward='a' -- all",
        "select * from patients -- of the ward\nwhere ward='a'", "select * from #chosen where ward='a'",
        "select * from p join #chosen on p.id = chosen.id", "name = 'a--b' and ward='a'", "https://a.example/#b"})
    EXPECT_EQ(matches_everything(predicate), false) << predicate;
}

TEST(Selective, LetsThroughWhatSelects) {
  for (const char* predicate : {"smith",
                                "smith*",
                                "%smith%",
                                "*@corp.example",
                                "C-20441",
                                "^sm.*",
                                "[a-z]+",
                                "a*",
                                "[^x]*",
                                "\\d+",
                                "id = 7",
                                "id = 7 and 1=1",
                                "name like 'smi%'",
                                "id != id2",
                                "a<=b",
                                "0",
                                "/",
                                "..",
                                "-",
                                "_",
                                "select * from customers where id = 7",
                                "select * from customers limit 10",
                                "select 1",
                                "true story",
                                "1=2",
                                "=",
                                "(",
                                "[",
                                "(?=x)",
                                "what is 1=1 about",
                                "{\"id\":7}",
                                "[7]",
                                "all hands",
                                "id > 20441",
                                "amount > 0",
                                "closed_at is not null",
                                "id >= 0 and owner = 'ada'"})
    EXPECT_EQ(matches_everything(predicate), false) << predicate;
}

TEST(Selective, OfAnOverlongPredicateNothingIsSaid) {
  EXPECT_EQ(matches_everything("name = '" + std::string(5000, 'a') + "'"), std::nullopt);
  EXPECT_EQ(matches_everything("(" + std::string(5000, '.') + ")*"), std::nullopt);
}

TEST(Selective, AHostileRegexOrCommentEndsSoon) {
  EXPECT_EQ(matches_everything("((((((a{1,100}){1,100}){1,100}){1,100})*)*)*q"), false);
  std::string comments;
  for (int i = 0; i < 20000; ++i) comments += " #\n'";
  EXPECT_EQ(matches_everything(comments), std::nullopt);
}

}  // namespace
}  // namespace ringfence

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
    EXPECT_TRUE(matches_everything(predicate)) << predicate;
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
    EXPECT_FALSE(matches_everything(predicate)) << predicate;
}

TEST(Selective, AnOverlongPredicateAndAHostileRegexEndSoon) {
  EXPECT_FALSE(matches_everything(std::string(1 << 20, '*')));
  EXPECT_FALSE(matches_everything("((((((a{1,100}){1,100}){1,100}){1,100})*)*)*q"));
}

}  // namespace
}  // namespace ringfence

// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/shape.h"

#include <gtest/gtest.h>

namespace ringfence {
namespace {

TEST(Shape, TakesAnIdentifierApartAsTheEventContractSays) {
  EXPECT_EQ(shape_of("550e8400-e29b-41d4-a716-446655440000"), "uuid");
  EXPECT_EQ(shape_of("customers/550E8400-E29B-41D4-A716-446655440000"), "word.uuid");
  EXPECT_EQ(shape_of("a550e8400-e29b-41d4-a716-446655440000"), "hex-9.mixed.mixed.mixed.dec-12") << "a uuid touched by a letter is none";
  EXPECT_EQ(shape_of("9fceb02d0ae598e95dc970b74767f19372d61af8"), "hex-40");
  EXPECT_EQ(shape_of("9fceb02d0ae598e95dc970b74767f19372d61af"), "hex-39");
  EXPECT_EQ(shape_of("INV-20441"), "word.dec-5");
  EXPECT_EQ(shape_of("deadbee"), "word");
  EXPECT_EQ(shape_of("deadbeef"), "hex-8");
  EXPECT_EQ(shape_of("12345678"), "dec-8");
  EXPECT_EQ(shape_of("src/main_2.c"), "word.word.dec-1.word");
  EXPECT_EQ(shape_of("//a..b__"), "word.word");
  EXPECT_EQ(shape_of("x9"), "mixed");
  EXPECT_EQ(shape_of("m\xC3\xBCller"), "word");
  EXPECT_EQ(shape_of("a b"), "mixed");
  EXPECT_EQ(shape_of(""), "");
  EXPECT_EQ(shape_of("-:/"), "");
}

TEST(Shape, EveryShapeItGivesIsOneAPersonaMayDeclare) {
  for (const char* id : {"550e8400-e29b-41d4-a716-446655440000", "INV-20441", "deadbeef", "a b/7"})
    EXPECT_TRUE(is_shape(shape_of(id))) << id;
  for (const char* bad : {"", "hex", "hex-7", "hex-", "dec-0", "dec-01", "words", "word.", ".word", "hex-40.x", "dec-9999999"})
    EXPECT_FALSE(is_shape(bad)) << bad;
}

}  // namespace
}  // namespace ringfence

// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "models/numeraire.h"

namespace ringfence {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

struct Box {
  std::vector<double> v, q;
};

/// A random box of 2 to 16 classes that holds a distribution, and a bet of positive probabilities; many caps are small, some are 1.
Box random_box(std::mt19937_64& rng) {
  std::uniform_real_distribution<double> unit(0, 1);
  const std::size_t classes = 2 + rng() % 15;
  Box box;
  for (std::size_t i = 0; i < classes; ++i) {
    box.v.push_back(unit(rng) < .2 ? 1 : std::max(.001, std::pow(unit(rng), 3)));
    box.q.push_back(std::pow(unit(rng), 4) + 1e-4);
  }
  double sum_v = 0, sum_q = 0;
  for (std::size_t i = 0; i < classes; ++i) {
    sum_v += box.v[i];
    sum_q += box.q[i];
  }
  if (sum_v < 1 || unit(rng) < .1)  // some boxes hold exactly one distribution
    for (double& v : box.v) v = std::min(1., v / sum_v);
  for (double& q : box.q) q /= sum_q;
  return box;
}

double growth(const std::vector<double>& q, const std::vector<double>& g) {
  double nats = 0;
  for (std::size_t i = 0; i < q.size(); ++i) nats += q[i] * std::log(g[i]);
  return nats;
}

TEST(BoxNumeraire, NoBehaviourInsideTheBoxEarnsMoreThanOneOnAverage) {
  std::mt19937_64 rng(1);
  for (int i = 0; i < 20000; ++i) {
    const Box box = random_box(rng);
    double sum = 0;
    for (const double v : box.v) sum += v;
    ASSERT_GE(sum, 1 - 1e-12);
    ASSERT_THAT(worst_case_mean(box.v, box_numeraire(box.v, box.q)), DoubleNear(1, 1e-12)) << "box " << i;
  }
}

TEST(BoxNumeraire, NoOtherLawfulBetGrowsFasterUnderTheThreat) {
  std::mt19937_64 rng(2);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 3000; ++i) {
    const Box box = random_box(rng);
    const std::vector<double> g = box_numeraire(box.v, box.q);
    const double best = growth(box.q, g);
    for (const double scale : {.001, .03, .5, 2.}) {
      std::vector<double> other = g;
      for (double& factor : other) factor *= std::exp(scale * normal(rng));
      const double mean = worst_case_mean(box.v, other);
      for (double& factor : other) factor /= mean;  // lawful again
      ASSERT_LE(growth(box.q, other), best + 1e-12) << "box " << i;
    }
  }
}

TEST(BoxNumeraire, AThreatInsideTheBoxIsNoBet) {
  EXPECT_THAT(box_numeraire(std::vector{1., .5, .5}, std::vector{.6, .2, .2}),
              ElementsAre(DoubleNear(1, 1e-15), DoubleNear(1, 1e-15), DoubleNear(1, 1e-15)));
}

TEST(BoxNumeraire, ABoxOfOneDistributionGivesTheLikelihoodRatio) {
  EXPECT_THAT(box_numeraire(std::vector{.75, .25}, std::vector{.25, .75}), ElementsAre(DoubleNear(1. / 3, 1e-15), DoubleNear(3, 1e-15)));
}

TEST(WorstCaseMean, FillsTheDearestClassesFirst) {
  EXPECT_DOUBLE_EQ(worst_case_mean(std::vector{1., .1, .2}, std::vector{.5, 10., 2.}), .1 * 10 + .2 * 2 + .7 * .5);
}

}  // namespace
}  // namespace ringfence

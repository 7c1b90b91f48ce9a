// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/ack_horizon.h"

namespace ringfence {

AckHorizon::Ticket AckHorizon::begin(std::optional<Position> cause) {
  ++open_;
  if (cause) ++causes_[cause->partition][cause->offset];
  if (free_.empty()) {
    tickets_.push_back(cause);
    return tickets_.size() - 1;
  }
  const Ticket ticket = free_.back();
  free_.pop_back();
  tickets_[ticket] = cause;
  return ticket;
}

void AckHorizon::acknowledged(Ticket ticket) {
  --open_;
  free_.push_back(ticket);
  const auto cause = tickets_[ticket];
  if (!cause) return;
  const auto partition = causes_.find(cause->partition);
  const auto row = partition->second.find(cause->offset);
  if (--row->second > 0) return;
  partition->second.erase(row);
}

Offset AckHorizon::first_open(Partition partition) const {
  const auto found = causes_.find(partition);
  if (found == causes_.end() || found->second.empty()) return kAllAcknowledged;
  return found->second.begin()->first;
}

}  // namespace ringfence

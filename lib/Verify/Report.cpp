//===- Report.cpp - violations as text ------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/Support/raw_ostream.h"

using namespace lpu;
using namespace lpu::verify;

const char *verify::faultName(Fault fault) {
  static const char *const names[] = {
      "stream-overwrite",      "empty-read",
      "live-value-lost",       "bank-conflict",
      "unit-conflict",         "address-out-of-range",
      "link-overrun",          "link-underrun",
      "fetch-starvation",      "fetch-overload",
      "illegal-encoding",      "uninitialised-read",
      "unspecified-behaviour", "drift",
      "not-implemented",       "run-overlap"};
  return names[unsigned(fault)];
}

static void printParty(llvm::raw_ostream &os, const char *role,
                       const Party &party, const Machine &machine) {
  auto [unit, index] = machine.queueUnit(party.queue);
  os << "  " << role << ": chip " << party.chip << ' ';
  os << unitName(unit) << ' ' << index << " [" << party.textIndex
     << "] at cycle " << party.cycle << ": " << party.instruction << '\n';
}

std::string Violation::str(const Machine &machine) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "fault: " << faultName(fault) << " at cycle " << cycle << " on chip "
     << chip << '\n';
  if (offender)
    printParty(os, "offender", *offender, machine);
  if (other)
    printParty(os, "other", *other, machine);
  os << "  " << detail << '\n';
  return text;
}

Party Reporter::party(const Issue &issue, unsigned onChip) const {
  Party result;
  result.chip = onChip;
  result.queue = issue.queue->queue;
  result.textIndex = issue.text;
  result.cycle = issue.cycle + start(onChip);
  if (issue.text < issue.queue->text.size())
    result.instruction = isa::toString(issue.queue->text[issue.text]);
  else
    result.instruction = "(no instruction)";
  return result;
}

void Reporter::add(Fault fault, int64_t cycle, std::optional<Issue> offender,
                   std::optional<Issue> other, const llvm::Twine &detail) {
  addAcross(fault, cycle, chip, offender, other, chip, detail);
}

void Reporter::addAcross(Fault fault, int64_t cycle, unsigned onChip,
                         std::optional<Issue> offender,
                         std::optional<Issue> other, unsigned otherChip,
                         const llvm::Twine &detail) {
  ++result.violationCount;
  cycle += start(onChip);
  auto id = [](const std::optional<Issue> &issue) {
    return issue ? uint64_t(issue->queue->queue) << 32 | issue->text
                 : UINT64_MAX;
  };
  Key key = {unsigned(fault), onChip, id(offender), id(other), otherChip};
  auto [known, fresh] = seen.insert({key, cycle});
  if (!fresh && known->second <= cycle)
    return;
  if (!fresh) { // the same two, earlier
    for (size_t i = 0; i < keys.size(); ++i)
      if (keys[i] == key) {
        result.violations.erase(result.violations.begin() + i);
        keys.erase(keys.begin() + i);
        break;
      }
    known->second = cycle;
  }
  if (result.violations.size() >= options.maxViolations) {
    // Keep the earliest.
    auto last =
        std::max_element(result.violations.begin(), result.violations.end(),
                         [](const Violation &a, const Violation &b) {
                           return std::make_tuple(a.cycle, a.chip, a.fault) <
                                  std::make_tuple(b.cycle, b.chip, b.fault);
                         });
    if (std::make_tuple(cycle, onChip, fault) >=
        std::make_tuple(last->cycle, last->chip, last->fault))
      return;
    keys.erase(keys.begin() + (last - result.violations.begin()));
    result.violations.erase(last);
  }
  Violation violation;
  violation.fault = fault;
  violation.cycle = cycle;
  violation.chip = onChip;
  if (offender)
    violation.offender = party(*offender, onChip);
  if (other)
    violation.other = party(*other, otherChip);
  violation.detail = detail.str();
  result.violations.push_back(std::move(violation));
  keys.push_back(key);
}

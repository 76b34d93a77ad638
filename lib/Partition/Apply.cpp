//===- Apply.cpp - the module of a plan -----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A body is built once for members of a stage that differ only in data, and
// bodies of different stages that have the same form are one class. So the
// work grows with classes; per chip it is a row of numbers in a table.
//
//===----------------------------------------------------------------------===//

#include "Apply.h"

#include "Body.h"
#include "dialects/Fabric/Fabric.h"
#include "lpu/Support/Check.h"
#include "lpu/Support/NodeName.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

namespace {
struct Member {
  unsigned replica, stage, member, chip;
};

struct ClassInfo {
  Body body; // of the representative
  std::string name;
  std::vector<Member> members;
  std::vector<int64_t> peers, sources;
};

class Applier {
public:
  Applier(const Model &model, const Plan &plan, const Topology &topology,
          std::vector<unsigned> chips)
      : model(model), plan(plan), topology(topology),
        builder(const_cast<func::FuncOp &>(model.function).getContext()),
        crossings(findCrossings(model, plan)), chips(std::move(chips)) {}
  OwningOpRef<ModuleOp> run();

private:
  void buildClasses();
  unsigned classOf(Body body);
  void fillTables(ClassInfo &c);
  void finish(ClassInfo &c);
  unsigned chipOf(unsigned replica, unsigned stage, unsigned member) const {
    return chips[replica * plan.chipsPerReplica() + firstOf[stage] + member];
  }
  std::pair<unsigned, int64_t> sourceOf(const ParameterRule &rule,
                                        const Member &m);
  unsigned literalArray(DenseElementsAttr value);

  const Model &model;
  const Plan &plan;
  const Topology &topology;
  Builder builder;
  Crossings crossings;
  std::vector<unsigned> chips, firstOf;
  std::vector<ClassInfo> classes;
  std::map<std::vector<uintptr_t>, unsigned> classByForm;
  /// Class and rules of each stage's members; rules name ops of the model, so
  /// each built body keeps its own.
  struct Built {
    unsigned chipClass;
    std::vector<PortRule> ports;
    std::vector<ParameterRule> parameters;
    std::vector<std::string> values; // of all operations
  };
  std::vector<Built> built;
  std::vector<std::vector<unsigned>> builtOf; // by stage and member
  SmallVector<Attribute> arrays;
  llvm::DenseMap<Operation *, unsigned> arrayOf;
  llvm::DenseMap<Attribute, unsigned> literalOf;
  SmallVector<Attribute> groups;
};
} // namespace

using Form = std::vector<uintptr_t>;

/// What a block does, without names and places: attributes and types are unique
/// in a context, so their addresses stand for them.
static void writeForm(Block &block, Form &form,
                      llvm::DenseMap<mlir::Value, unsigned> &numbers) {
  auto number = [&](mlir::Value v) {
    form.push_back(numbers.try_emplace(v, numbers.size()).first->second);
  };
  auto type = [&](mlir::Value v) {
    form.push_back(uintptr_t(v.getType().getAsOpaquePointer()));
    number(v);
  };
  form.push_back(block.getNumArguments());
  llvm::for_each(block.getArguments(), type);
  for (Operation &op : block) {
    form.push_back(uintptr_t(op.getName().getAsOpaquePointer()));
    form.push_back(uintptr_t(op.getAttrDictionary().getAsOpaquePointer()));
    form.push_back(op.getNumOperands());
    llvm::for_each(op.getOperands(), number);
    form.push_back(op.getNumResults());
    llvm::for_each(op.getResults(), type);
    for (Region &region : op.getRegions()) {
      form.push_back(region.getBlocks().size());
      for (Block &inner : region)
        writeForm(inner, form, numbers);
    }
  }
}

static Form formOf(func::FuncOp function) {
  Form form = {uintptr_t(function->getAttrDictionary().getAsOpaquePointer())};
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  writeForm(function.getBody().front(), form, numbers);
  return form;
}

void Applier::buildClasses() {
  builtOf.resize(plan.stages.size());
  for (unsigned s = 0; s < plan.stages.size(); ++s) {
    std::map<std::vector<int64_t>, unsigned> known;
    for (unsigned m = 0; m < plan.stages[s].width; ++m) {
      std::vector<int64_t> key = signature(model, plan, crossings, s, m);
      auto it = known.find(key);
      if (it != known.end()) {
        builtOf[s].push_back(it->second);
        continue;
      }
      Body body = buildBody(model, plan, crossings, s, m);
      bool isUnique = body.isUnique;
      Built entry;
      entry.ports = body.ports;
      entry.parameters = body.parameters;
      for (Operation &op : body.function->getBody().front())
        entry.values.push_back(valueName(op.getLoc()));
      // Which parameters are one array is a property of the class.
      Form form = formOf(*body.function);
      std::map<std::pair<unsigned, int64_t>, unsigned> first;
      for (auto [q, rule] : llvm::enumerate(entry.parameters)) {
        auto source = sourceOf(rule, {0, s, m, 0});
        form.push_back(first.try_emplace(source, q).first->second);
      }
      auto [found, isNew] =
          classByForm.try_emplace(std::move(form), classes.size());
      if (isNew) {
        classes.emplace_back();
        classes.back().body = std::move(body);
      }
      entry.chipClass = found->second;
      builtOf[s].push_back(built.size());
      if (!isUnique)
        known[key] = built.size();
      built.push_back(std::move(entry));
    }
  }
}

unsigned Applier::literalArray(DenseElementsAttr value) {
  auto [it, isNew] = literalOf.try_emplace(value, arrays.size());
  if (isNew)
    arrays.push_back(
        builder.getDictionaryAttr(builder.getNamedAttr("literal", value)));
  return it->second;
}

std::pair<unsigned, int64_t> Applier::sourceOf(const ParameterRule &rule,
                                               const Member &m) {
  int64_t low = 0, high = 0;
  if (rule.axis != none) {
    auto part = share(model.axes[rule.axis].units, plan.stages[m.stage].width,
                      m.member);
    low = part.first * rule.perUnit;
    high = part.second * rule.perUnit;
  }
  if (!rule.source) {
    auto type = cast<RankedTensorType>(rule.type);
    auto integer = type.getElementType();
    SmallVector<Attribute> rows{builder.getIntegerAttr(integer, low),
                                builder.getIntegerAttr(integer, high)};
    return {literalArray(DenseElementsAttr::get(type, rows)), 0};
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(rule.source))
    return {literalArray(cast<DenseElementsAttr>(constant.getValue())),
            rule.base + low * rule.stride};
  auto [it, isNew] = arrayOf.try_emplace(rule.source, arrays.size());
  if (isNew) {
    SmallVector<NamedAttribute> entry;
    for (const char *key : {"name", "file", "offset", "length"})
      entry.push_back(builder.getNamedAttr(key, rule.source->getAttr(key)));
    arrays.push_back(builder.getDictionaryAttr(entry));
  }
  return {it->second, rule.base + low * rule.stride};
}

void Applier::fillTables(ClassInfo &c) {
  unsigned replicaGroups = 0;
  std::vector<unsigned> groupOf(plan.stages.size(), 0);
  for (auto [s, stage] : llvm::enumerate(plan.stages))
    if (stage.width > 1)
      groupOf[s] = replicaGroups++;
  for (const Member &m : c.members) {
    const Built &b = built[builtOf[m.stage][m.member]];
    for (const PortRule &rule : b.ports) {
      unsigned width = plan.stages[m.stage].width;
      switch (rule.kind) {
      case PortRule::Group:
        c.peers.push_back(m.replica * replicaGroups + groupOf[m.stage]);
        break;
      case PortRule::SendSame:
      case PortRule::RecvSame:
        c.peers.push_back(chipOf(m.replica, rule.other, m.member));
        break;
      case PortRule::SendWhole:
        c.peers.push_back(
            chipOf(m.replica, rule.other, m.member + rule.turn * width));
        break;
      case PortRule::RecvWhole:
        c.peers.push_back(chipOf(m.replica, rule.other,
                                 m.member % plan.stages[rule.other].width));
        break;
      }
    }
    for (const ParameterRule &rule : b.parameters) {
      auto [array, element] = sourceOf(rule, m);
      c.sources.push_back(array);
      c.sources.push_back(element);
    }
  }
}

/// The representative's constants get the data of the first instance.
void Applier::finish(ClassInfo &c) {
  const Member &m = c.members.front();
  const Built &own = built[builtOf[m.stage][m.member]];
  for (auto [q, rule] : llvm::enumerate(c.body.parameters)) {
    const ParameterRule &data = own.parameters[q];
    auto entry = cast<DictionaryAttr>(arrays[sourceOf(data, m).first]);
    if (Attribute literal = entry.get("literal"))
      rule.op->setAttr("value", literal);
    else
      for (const char *key : {"name", "file", "offset", "length"})
        rule.op->setAttr(key, entry.get(key));
    if (!rule.slice)
      continue;
    auto slice = cast<tensor::ExtractSliceOp>(rule.slice);
    ArrayRef<int64_t> shape = slice.getSourceType().getShape();
    SmallVector<int64_t> offsets(shape.size());
    int64_t element = sourceOf(data, m).second;
    for (size_t d = shape.size(); d-- > 0; element /= shape[d])
      offsets[d] = element % shape[d];
    slice.setStaticOffsets(offsets);
  }
}

OwningOpRef<ModuleOp> Applier::run() {
  unsigned count = 0;
  for (const Stage &stage : plan.stages) {
    firstOf.push_back(count);
    count += stage.width;
  }
  buildClasses();
  for (unsigned r = 0; r < plan.replicas; ++r)
    for (unsigned s = 0; s < plan.stages.size(); ++s) {
      SmallVector<int64_t> group;
      for (unsigned m = 0; m < plan.stages[s].width; ++m) {
        unsigned chip = chipOf(r, s, m);
        classes[built[builtOf[s][m]].chipClass].members.push_back(
            {r, s, m, chip});
        group.push_back(chip);
      }
      if (group.size() > 1)
        groups.push_back(builder.getDenseI64ArrayAttr(group));
    }
  func::FuncOp function = model.function;
  Location loc = function.getLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder ops(module->getBodyRegion());
  fabric::SystemOp::create(ops, loc, builder.getStringAttr(topology.text),
                           builder.getI64IntegerAttr(plan.replicas));
  for (ClassInfo &c : classes)
    fillTables(c);
  if (!groups.empty())
    fabric::GroupsOp::create(ops, loc, builder.getArrayAttr(groups));
  if (!arrays.empty())
    fabric::ArraysOp::create(ops, loc, builder.getArrayAttr(arrays));
  for (auto [i, c] : llvm::enumerate(classes)) {
    finish(c);
    c.name = "chip" + std::to_string(i);
    SmallVector<int64_t> numbers;
    for (const Member &m : c.members)
      numbers.push_back(m.chip);
    std::vector<std::string> named =
        built[builtOf[c.members.front().stage][c.members.front().member]]
            .values;
    SmallVector<StringRef> values;
    for (const Member &m : c.members)
      for (auto [name, first] :
           llvm::zip(built[builtOf[m.stage][m.member]].values, named))
        if (!first.empty())
          values.push_back(name);
    fabric::InstancesOp::create(
        ops, loc, c.name, numbers, c.peers, c.sources,
        values.empty() ? ArrayAttr() : builder.getStrArrayAttr(values));
    func::FuncOp body = c.body.function.release();
    body.setName(c.name);
    ops.insert(body);
  }
  return module;
}

OwningOpRef<ModuleOp> partition::applyPlan(const Model &model, const Plan &plan,
                                           const Topology &topology,
                                           std::vector<unsigned> chips) {
  return Applier(model, plan, topology, std::move(chips)).run();
}

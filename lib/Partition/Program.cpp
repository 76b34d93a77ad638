//===- Program.cpp - tables of the fabric layer ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Partition/Program.h"

#include "dialects/Fabric/Fabric.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::fabric;

/// Ports and parameters of a body.
static LogicalResult readBody(ChipClass &chipClass) {
  if (!chipClass.body.getBody().hasOneBlock())
    return emitError(chipClass.body.getLoc(),
                     "is no body of a chip class: it needs one "
                     "block");
  llvm::SmallVector<std::pair<int64_t, Operation *>> parameters;
  for (Operation &op : chipClass.body.getBody().front()) {
    if (isTransfer(&op))
      chipClass.ports.push_back(&op);
    if (auto number = op.getAttrOfType<IntegerAttr>(parameterAttr))
      parameters.push_back({number.getInt(), &op});
  }
  llvm::sort(parameters,
             [](const auto &a, const auto &b) { return a.first < b.first; });
  for (auto [i, parameter] : llvm::enumerate(parameters)) {
    if (parameter.first != int64_t(i))
      return emitError(parameter.second->getLoc(), "parameter ")
             << parameter.first << " stands where number " << i
             << " is expected: parameters are numbered 0, 1, ...";
    chipClass.parameters.push_back(parameter.second);
  }
  return success();
}

FailureOr<Program> fabric::readProgram(ModuleOp module,
                                       const Machine &machine) {
  Program program;
  program.module = module;
  bool failed = false, hasSystem = false;
  auto report = [&](Operation *op) {
    failed = true;
    return emitError(op->getLoc());
  };
  for (auto system : module.getOps<SystemOp>()) {
    if (hasSystem) {
      report(system) << "a second system; a module has one";
      continue;
    }
    hasSystem = true;
    program.replicas = system.getReplicas();
    auto topology = parseTopology(system.getText(), "topology", machine);
    if (!topology)
      report(system) << llvm::toString(topology.takeError());
    else
      program.topology = std::move(*topology);
  }
  if (!hasSystem)
    report(module) << "has no fabric.system";
  for (auto groups : module.getOps<GroupsOp>())
    for (Attribute members : groups.getMembers())
      program.groups.push_back(cast<DenseI64ArrayAttr>(members).asArrayRef());
  for (auto arrays : module.getOps<ArraysOp>())
    for (Attribute entry : arrays.getList()) {
      auto dictionary = cast<DictionaryAttr>(entry);
      Array array;
      if (auto name = dictionary.getAs<StringAttr>("name"))
        array.name = name.str();
      array.literal = dictionary.getAs<DenseElementsAttr>("literal");
      if (!array.literal) {
        array.file = dictionary.getAs<StringAttr>("file").str();
        array.offset = dictionary.getAs<IntegerAttr>("offset").getInt();
        array.length = dictionary.getAs<IntegerAttr>("length").getInt();
      }
      program.arrays.push_back(std::move(array));
    }

  for (auto instances : module.getOps<InstancesOp>()) {
    ChipClass chipClass;
    chipClass.body = module.lookupSymbol<func::FuncOp>(instances.getBody());
    if (!chipClass.body) {
      report(instances) << "there is no function @" << instances.getBody();
      continue;
    }
    if (mlir::failed(readBody(chipClass))) {
      failed = true;
      continue;
    }
    size_t chips = instances.getChips().size(), ports = chipClass.ports.size(),
           parameters = chipClass.parameters.size();
    if (instances.getPeers().size() != chips * ports ||
        instances.getSources().size() != 2 * chips * parameters) {
      report(instances) << "@" << instances.getBody() << " has " << ports
                        << " ports and " << parameters << " parameters, so "
                        << chips << " chips need " << chips * ports
                        << " peers and " << 2 * chips * parameters
                        << " numbers of sources; there are "
                        << instances.getPeers().size() << " and "
                        << instances.getSources().size();
      continue;
    }
    ArrayAttr values = instances.getValuesAttr();
    size_t named = values && chips ? values.size() / chips : 0;
    if (values && named * chips != values.size()) {
      report(instances) << "@" << instances.getBody() << " has "
                        << values.size() << " names of values for " << chips
                        << " chips";
      continue;
    }
    for (size_t i = 0; i < chips; ++i) {
      Instance instance;
      for (size_t v = 0; v < named; ++v)
        instance.values.push_back(
            cast<StringAttr>(values[i * named + v]).str());
      instance.chip = instances.getChips()[i];
      instance.peers = instances.getPeers().slice(i * ports, ports);
      for (size_t q = 0; q < parameters; ++q) {
        ArrayRef<int64_t> pair =
            instances.getSources().slice(2 * (i * parameters + q), 2);
        if (pair[0] < 0 || pair[0] >= int64_t(program.arrays.size()) ||
            pair[1] < 0)
          report(instances) << "chip " << instance.chip << ", parameter " << q
                            << ": there is no array " << pair[0]
                            << " with an element " << pair[1];
        instance.sources.push_back({unsigned(pair[0]), pair[1]});
      }
      for (size_t p = 0; p < ports; ++p)
        if (isCollective(chipClass.ports[p]) &&
            (instance.peers[p] < 0 ||
             instance.peers[p] >= int64_t(program.groups.size())))
          report(instances) << "chip " << instance.chip << ", port " << p
                            << ": there is no group " << instance.peers[p];
      chipClass.instances.push_back(std::move(instance));
    }
    program.classes.push_back(std::move(chipClass));
  }
  if (program.classes.empty() && !failed)
    report(module) << "has no chip classes";
  if (failed)
    return failure();
  return program;
}

std::string fabric::portName(unsigned port) {
  return "port " + std::to_string(port) + " of the chip";
}

OwningOpRef<ModuleOp> fabric::portModule(const Program &program,
                                         unsigned number) {
  const ChipClass &chipClass = program.classes[number];
  func::FuncOp body = chipClass.body;
  Location loc = body.getLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder(module->getBodyRegion());
  Block &from = body.getBody().front();

  // What the chip gets becomes arguments, behind those of the host.
  SmallVector<Type> arguments(body.getArgumentTypes());
  SmallVector<DictionaryAttr> argumentAttrs, resultAttrs;
  for (unsigned i = 0; i < body.getNumArguments(); ++i)
    argumentAttrs.push_back(body.getArgAttrDict(i));
  auto portDict = [&](size_t p) {
    Operation *port = chipClass.ports[p];
    NamedAttrList attrs;
    attrs.set(portAttr, builder.getI64IntegerAttr(p));
    attrs.set("onnx.name", builder.getStringAttr(portName(p)));
    attrs.set("fabric.op", port->getName().getIdentifier());
    if (port->hasAttr(naturalAttr))
      attrs.set(naturalAttr, builder.getUnitAttr());
    return attrs.getDictionary(builder.getContext());
  };
  SmallVector<Type> results;
  for (auto [p, port] : llvm::enumerate(chipClass.ports)) {
    if (isCollective(port))
      continue;
    if (port->getNumResults()) {
      arguments.push_back(port->getResult(0).getType());
      argumentAttrs.push_back(portDict(p));
    }
    if (port->getNumOperands()) {
      results.push_back(port->getOperand(0).getType());
      resultAttrs.push_back(portDict(p));
    }
  }
  results.append(body.getResultTypes().begin(), body.getResultTypes().end());
  for (unsigned i = 0; i < body.getNumResults(); ++i)
    resultAttrs.push_back(body.getResultAttrDict(i));

  auto function =
      func::FuncOp::create(builder, loc, body.getName(),
                           builder.getFunctionType(arguments, results));
  Block *to = function.addEntryBlock();
  builder.setInsertionPointToStart(to);
  IRMapping mapping;
  for (auto [a, b] : llvm::zip(from.getArguments(), to->getArguments())) {
    mapping.map(a, b);
    b.setLoc(a.getLoc());
  }
  unsigned next = from.getNumArguments();
  SmallVector<mlir::Value> returned;
  for (Operation &op : from.without_terminator()) {
    if (!isTransfer(&op) || isCollective(&op)) {
      builder.clone(op, mapping);
      continue;
    }
    if (op.getNumOperands())
      returned.push_back(mapping.lookup(op.getOperand(0)));
    if (op.getNumResults()) {
      to->getArgument(next).setLoc(op.getLoc());
      mapping.map(op.getResult(0), to->getArgument(next++));
    }
  }
  for (mlir::Value v : from.getTerminator()->getOperands())
    returned.push_back(mapping.lookup(v));
  func::ReturnOp::create(builder, from.getTerminator()->getLoc(), returned);
  for (auto [i, attrs] : llvm::enumerate(argumentAttrs))
    function.setArgAttrs(i, attrs);
  for (auto [i, attrs] : llvm::enumerate(resultAttrs))
    function.setResultAttrs(i, attrs);
  return module;
}

void fabric::setInstance(const Program &program, func::FuncOp body,
                         const Instance &instance) {
  Builder b(body.getContext());
  for (Operation &op : body.getBody().front()) {
    auto number = op.getAttrOfType<IntegerAttr>(parameterAttr);
    if (!number)
      continue;
    const Source &source = instance.sources[number.getInt()];
    const Array &array = program.arrays[source.array];
    if (array.literal) {
      op.setAttr("value", array.literal);
    } else {
      op.setAttr("name", b.getStringAttr(array.name));
      op.setAttr("file", b.getStringAttr(array.file));
      op.setAttr("offset", b.getI64IntegerAttr(array.offset));
      op.setAttr("length", b.getI64IntegerAttr(array.length));
    }
    // A parameter that is cut has one reader, its part. Slices that the model
    // itself takes stay as they are.
    if (!op.getResult(0).hasOneUse())
      continue;
    auto slice =
        dyn_cast<tensor::ExtractSliceOp>(*op.getResult(0).user_begin());
    if (!slice || !slice->hasAttr(partAttr))
      continue;
    ArrayRef<int64_t> shape = slice.getSourceType().getShape();
    SmallVector<int64_t> offsets(shape.size(), 0);
    int64_t element = source.element;
    for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d) {
      offsets[d] = element % shape[d];
      element /= shape[d];
    }
    slice.setStaticOffsets(offsets);
  }
}

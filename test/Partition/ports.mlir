// For a compiler of one chip, what a class gets is an argument and what it gives is a
// result, in the order of its ports; nothing is left but forms of linalg.
// RUN: lpu-opt %S/Inputs/mlp.mlir --fabric-partition="chips=3 cuts=1 widths=1,2" --fabric-ports=class=1 --verify-linalg | FileCheck %s

// CHECK-LABEL: func.func @chip1
// CHECK-SAME: (%{{.*}}: tensor<6x16xf32> {fabric.op = "fabric.recv", fabric.port = 0 : i64, onnx.name = "port0"}
// CHECK-SAME:  %[[SUM:.*]]: tensor<6x16xf32> {fabric.op = "fabric.all_reduce", fabric.port = 1 : i64, onnx.name = "port1"})
// CHECK-SAME: -> (tensor<6x16xf32> {fabric.op = "fabric.all_reduce", fabric.port = 1 : i64, onnx.name = "port1"}, tensor<6x16xf32> {onnx.name = "y"
// CHECK-NOT: fabric.all_reduce
// CHECK: return %{{.*}}, %[[SUM]]

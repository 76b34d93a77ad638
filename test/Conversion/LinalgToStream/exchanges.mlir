// RUN: lpu-opt %s --convert-linalg-to-stream="target=lpu1 outline-repeats=false" | FileCheck %s

// The chips of a group exchange the same values in one order. So what a chip does not read itself is exchanged too, and
// before what follows it in the program.
// CHECK: stream.exchange "unread"
// CHECK: stream.exchange "read"
// CHECK: stream.exchange "last"
func.func @main(%x: tensor<4x64xf32> {onnx.name = "x", onnx.type = "float32"})
    -> (tensor<8x64xf32> {onnx.name = "y", onnx.type = "float32"}) {
  %a = fabric.all_gather %x dim 0 offsets [0, 4, 8] : (tensor<4x64xf32>) -> tensor<8x64xf32> loc("unread")
  %b = fabric.all_gather %x dim 0 offsets [0, 4, 8] : (tensor<4x64xf32>) -> tensor<8x64xf32> loc("read")
  %c = fabric.all_gather %x dim 0 offsets [0, 4, 8] : (tensor<4x64xf32>) -> tensor<8x64xf32> loc("last")
  return %b : tensor<8x64xf32>
}

// Upstream passes work on bodies: instructions have no side effects, so equal ones become
// one and unused ones vanish; writes stay.
// RUN: lpu-opt %s --cse | FileCheck %s
stream.program @cse {
  %x = stream.input "x" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf32, chunk 16>
  %y = stream.output "y" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf32, chunk 16>
  stream.segment {
    stream.flow "/Mul" iterations 4 {
      // CHECK: %[[X:.+]] = stream.read %x
      // CHECK-NEXT: %[[E:.+]] = stream.exp2 %[[X]]
      // CHECK-NEXT: %[[M:.+]] = stream.mul %[[E]], %[[E]]
      // CHECK-NEXT: stream.write %[[M]], %y
      %0 = stream.read %x[i] : <4x16xf32, chunk 16>
      %1 = stream.exp2 %0
      %2 = stream.read %x[i] : <4x16xf32, chunk 16>
      %3 = stream.exp2 %2
      %4 = stream.mul %1, %3
      stream.write %4, %y[i] : <4x16xf32, chunk 16>
    }
  }
}

// Bodies are SSA: instructions take fp32 or int32, and the same bits as the other type
// are a bitcast, which costs nothing.
// RUN: lpu-opt %s | lpu-opt | FileCheck %s

stream.program @bodies {
  %x = stream.input "x" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf16, chunk 16>
  %n = stream.input "n" host "uint8" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xui8, chunk 16>
  %y = stream.output "y" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf32, chunk 16>
  %s = stream.output "s" host "float32" shape [2, 16] rows [1, 0] features [0, 1] : <2x16xf32, chunk 16>
  stream.segment {
    // A value that is narrow in its tile has 32 bits here.
    // CHECK: stream.flow "/body" iterations 4 {
    stream.flow "/body" iterations 4 {
      // CHECK: %[[X:.+]] = stream.read %x[i] : <4x16xf16, chunk 16>
      %0 = stream.read %x[i] : <4x16xf16, chunk 16>
      // CHECK: %[[N:.+]] = stream.read %n[i] : <4x16xui8, chunk 16>
      %1 = stream.read %n[i] : <4x16xui8, chunk 16>
      // CHECK: %[[LANE:.+]] = stream.lane
      %2 = stream.lane
      // CHECK: %[[LESS:.+]] = stream.icmplt %[[LANE]], %[[N]]
      %3 = stream.icmplt %2, %1
      // CHECK: %[[LOW:.+]] = stream.splat 0xFF800000 : f32
      %4 = stream.splat 0xFF800000 : f32
      // CHECK: %[[MASKED:.+]] = stream.select %[[LESS]], %[[X]], %[[LOW]] : <f32>
      %5 = stream.select %3, %0, %4 : <f32>
      // All lanes, and groups of 16.
      // CHECK: stream.reduce_max %[[MASKED]]{{$}}
      %6 = stream.reduce_max %5
      // CHECK: stream.reduce_argmax %[[MASKED]] group 16
      %7 = stream.reduce_argmax %5 group 16
      // CHECK: stream.bitcast %{{.+}} : <i32> to <f32>
      %8 = stream.bitcast %7 : <i32> to <f32>
      // CHECK: stream.muladd
      %9 = stream.muladd %6, %8, %5
      stream.write %9, %y[i] : <4x16xf32, chunk 16>
    }
    // One result for every two rows.
    stream.flow "/pool" iterations 4 {
      %0 = stream.read %x[i] : <4x16xf16, chunk 16>
      // CHECK: stream.acc_sum %{{.+}} period 2
      %1 = stream.acc_sum %0 period 2
      // CHECK-NEXT: stream.write %{{.+}}, %s[i] :
      stream.write %1, %s[i] : <2x16xf32, chunk 16>
    }
  }
}

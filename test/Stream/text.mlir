// A stream program is text that needs no compiler in front: interpreted on the host, and
// scheduled and run by the emulator, it gives the same bits.
// REQUIRES: lpu-stream, lpu-verify, lpu-run, onnx
// RUN: rm -rf %t && mkdir %t
// RUN: %python -c "import numpy as np; np.savez('%t/in.npz', x=np.random.default_rng(1).normal(size=(6, 12)).astype(np.float32))"
// RUN: lpu-stream %s --target %root/test/Inputs/mini.yaml --inputs %t/in.npz --outputs %t/host.npz -o %t/m.lpu
// RUN: lpu-verify %t/m.lpu
// RUN: lpu-run %t/m.lpu --inputs %t/in.npz --outputs %t/chip.npz
// RUN: %python -c "import numpy as np; a, b = (np.load('%t/' + n + '.npz')['y'] for n in ('chip', 'host')); assert a.shape == (6, 12) and a.std() > 0.1 and a.tobytes() == b.tobytes()"

// y = tanh(x) * (lane + x), four times: the result of an iteration is the next one's input.
stream.program @text {
  %x = stream.input "x" host "float32" shape [6, 12] rows [1, 0] features [0, 1] : <6x12xf32, chunk 16>
  %y = stream.output "y" host "float32" shape [6, 12] rows [1, 0] features [0, 1] : <6x12xf32, chunk 16>
  %t = stream.temporary "t" : <6x12xf32, chunk 16>
  stream.segment {
    stream.flow "/start" iterations 6 {
      %0 = stream.read %x[i] : <6x12xf32, chunk 16>
      %1 = stream.mov %0 : <f32>
      stream.write %1, %t[i] : <6x12xf32, chunk 16>
    }
  }
  stream.segment iterations 4 {
    stream.flow "/step" iterations 6 {
      %0 = stream.read %t[i] : <6x12xf32, chunk 16>
      %1 = stream.tanh %0
      %2 = stream.lane
      %3 = stream.i2f %2
      %4 = stream.add %3, %0
      %5 = stream.mul %1, %4
      stream.write %5, %y[i] : <6x12xf32, chunk 16>
    }
    stream.flow "/back" iterations 6 {
      %0 = stream.read %y[i] : <6x12xf32, chunk 16>
      %1 = stream.splat 0.125 : f32
      %2 = stream.mul %0, %1
      stream.write %2, %t[i] : <6x12xf32, chunk 16>
    }
  }
}

// Instructions that the machine cannot execute are refused where they stand, with
// the value, the limit and its name.
// RUN: lpu-opt --split-input-file --verify-diagnostics %s

isa.program @streams machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      // expected-error @below {{stream = 16 with 1 streams passes the last of 16 streams}}
      isa.mem.read at 0 bank = 0, offset = 0, dir = east, stream = 16
      // expected-error @below {{astream = 3 must be a multiple of 2}}
      isa.mem.gather at 1 bank = 0, offset = 0, astream = 3, stream = 0
      // expected-error @below {{stride2 without inner has no meaning and must be 0}}
      isa.mem.write at 2 bank = 0, offset = 0, stride2 = 4, stream = 0
      // expected-error @below {{reg = 0 must be at least 1}}
      isa.mem.setreg at 3 reg = 0, value = 4
      // expected-error @below {{belongs into a queue of unit drain, not mem}}
      isa.drain.row at 4 acc = 0, stream = 0
      isa.halt at 5
    }
    isa.queue drain 0 {
      // expected-error @below {{stream = 2 must be a multiple of 4}}
      isa.drain.row at 4 acc = 0, stream = 2
      isa.halt at 5
    }
  }
}

// -----

isa.program @alus machine "nano" {
  isa.chip_class 0 {
    isa.queue alu 2 {
      // expected-error @below {{ALU 2 executes no transcendental instruction; ALUs 0 .. 1 do}}
      isa.alu.tanh at 0 a = <lane>
      // expected-error @below {{group of 32 lanes on a machine of 16 (use all)}}
      isa.alu.reduce_sum at 1 a = <lane>, group = 32
      // expected-error @below {{b has age 24; results stay readable 24 cycles (history)}}
      isa.alu.add at 2 a = <lane>, b = <alu 0 age 24>
      // expected-error @below {{operand b is absent}}
      isa.alu.add at 3 a = <lane>
      // expected-error @below {{imm must be 0 because no operand uses it}}
      isa.alu.mov at 4 a = <lane>, imm = 1
      // expected-error @below {{this instruction has no immediate; use a lane constant}}
      isa.alu.muladd at 5 a = <lane>, b = <imm>, c = <lane>
      // expected-error @below {{a = 2 must be a multiple of 4}}
      isa.alu.mov at 6 a = <east 2 f32>
      // expected-error @below {{b names ALU 9 of 8}}
      isa.alu.add at 7 a = <lane>, b = <alu 9 age 0>
      isa.halt at 8
    }
    // expected-error @below {{unit 8 does not exist; the machine has 8 of kind alu}}
    isa.queue alu 8 {
      isa.halt at 0
    }
  }
}

// -----

isa.program @planes machine "nano" {
  isa.chip_class 0 {
    isa.queue weights 0 {
      // expected-error @below {{n = 3 must be even with fp16}}
      isa.weights.install at 0 fp16, stream = 0, n = 3, at = 0, lane_count = 16
      // expected-error @below {{n 0 + 5 passes 4 (install_rows)}}
      isa.weights.install at 1 stream = 0, n = 5, at = 0, lane_count = 16
      // expected-error @below {{row has a meaning only with columns and must be 0}}
      isa.weights.install at 2 stream = 0, n = 1, at = 0, row = 3, lane_count = 16
      isa.halt at 3
    }
    isa.queue pass 0 {
      // expected-error @below {{lanes 10 + 7 passes 16 (lanes)}}
      isa.pass.run at 0 stream = 0, lane_base = 10, lane_count = 7, acc = 0
      // expected-error @below {{lane_count 0 + 9 passes 8 (plane_rows / 2)}}
      isa.pass.run at 1 fp16, stream = 0, lane_count = 9, acc = 0
      isa.halt at 2
    }
  }
}

// -----

// expected-error @below {{machine 'lpu9' is neither built in (cell32, lpu1, nano}}
isa.program @machine machine "lpu9" {
}

// -----

isa.program @numbers machine "nano" {
  // expected-error @below {{has number 1; the next is 0}}
  isa.chip_class 1 {
  }
}

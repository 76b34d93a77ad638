// What cannot be written is refused while parsing.
// RUN: lpu-opt --split-input-file --verify-diagnostics %s

isa.program @a machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      // expected-error @below {{offset does not fit 16 bits}}
      isa.mem.read at 0 bank = 0, offset = 65536
    }
  }
}

// -----

isa.program @a machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      // expected-error @below {{mem.read has no field 'row'}}
      isa.mem.read at 0 bank = 0, row = 3
    }
  }
}

// -----

isa.program @a machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      // expected-error @below {{field 'bank' is given twice}}
      isa.mem.read at 0 bank = 0, bank = 1
    }
  }
}

// -----

isa.program @a machine "nano" {
  isa.chip_class 0 {
    isa.queue alu 0 {
      // expected-error @below {{unknown element type 'f64'; known: i8, u8, i16, f16, i32, f32}}
      isa.alu.mov at 0 a = <east 0 f64>
    }
  }
}

// -----

isa.program @a machine "nano" {
  isa.chip_class 0 {
    isa.queue alu 0 {
      // expected-error @below {{repeat 2 .. 65535 every 1 .. 255; given 1 every 1}}
      isa.alu.mov at 0 repeat 1 every 1 a = <lane>
    }
  }
}

// -----

isa.program @a machine "nano" {
  isa.chip_class 0 {
    // expected-error @below {{unknown unit 'cache'; known: mem alu weights pass drain shuffle transpose link_send link_recv control}}
    isa.queue cache 0 {
    }
  }
}

// -----

isa.program @a machine "nano" {
  isa.chip_class 0 {
    isa.queue alu 4 {
      // expected-error @below {{a group has 16, 32, 64, ... lanes or is 'all'}}
      isa.alu.reduce_sum at 0 a = <lane>, group = 20
    }
  }
}

// -----

isa.program @a machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      // expected-error @below {{holds an instruction mem.write}}
      "isa.mem.read"() <{at = 0 : i64, instruction = {opcode = "mem.write", bank = 0, stream = 1}}> : () -> ()
      isa.halt at 1
    }
  }
}

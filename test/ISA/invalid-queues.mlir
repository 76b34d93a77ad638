// Order, loops and ends of queues.
// RUN: lpu-opt --split-input-file --verify-diagnostics %s

isa.program @order machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      isa.mem.read at 5 repeat 4 every 3 bank = 0, offset = 0, stream = 0
      // expected-error @below {{issues at 14, but the queue is free only from cycle 15}}
      isa.halt at 14
    }
    // expected-error @below {{does not end in isa.halt}}
    isa.queue mem 1 {
      isa.nop at 0
    }
    isa.queue mem 2 {
      // expected-error @below {{halt is not the last instruction}}
      isa.halt at 0
      isa.halt at 1
    }
    isa.queue mem 3 {
      // expected-error @below {{issues at 3, but the queue is free only from cycle 4 (idle cycles of the nop included)}}
      isa.nop at 3 cycles = 4
      isa.halt at 5
    }
    // expected-error @below {{is given twice}}
    isa.queue mem 3 {
      isa.halt at 0
    }
  }
}

// -----

isa.program @loops machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      // expected-error @below {{period 3 is too short: the body ends in cycle 3 and endloop needs one more, so 4 at least}}
      isa.loop at 0 iterations 2 period 3 {
        isa.mem.setreg at 2 reg = 1, value = 1
      }
      isa.halt at 7
    }
    isa.queue mem 1 {
      // expected-error @below {{a loop has at most 65535 iterations; this has 65536}}
      isa.loop at 0 iterations 65536 period 1 {
      }
      // expected-error @below {{issues at 65536, but the queue is free only from cycle 65537}}
      isa.halt at 65536
    }
    isa.queue mem 2 {
      isa.loop at 0 iterations 2 period 20 {
        isa.loop at 0 iterations 2 period 5 {
          isa.loop at 0 iterations 1 period 3 {
            // expected-error @below {{loops nest 4 deep; the machine allows 3 (loop_depth)}}
            isa.loop at 0 iterations 1 period 1 {
            }
          }
        }
        // expected-error @below {{halt inside a loop}}
        isa.halt at 12
      }
      isa.halt at 41
    }
  }
}

// -----

isa.program @nops machine "nano" {
  isa.chip_class 0 {
    isa.queue mem 0 {
      // expected-error @below {{this nop only bridges a gap of more than 65,535 cycles; that is implied by the issue cycles: leave it out}}
      isa.nop at 70000 cycles = 70000
      isa.halt at 70001
    }
    isa.queue mem 1 {
      // expected-error @below {{gap of 4294967297 cycles; at most 2^32 are possible}}
      isa.halt at 4294967297
    }
  }
}

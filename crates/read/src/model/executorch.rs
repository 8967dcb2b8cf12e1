//! ExecuTorch programs (`.pte`).
//!
//! A plan of kernel calls in a FlatBuffer, with parts that were compiled for a backend and are handed to it as they are.
//! Behind the buffer stand segments: weights, and the programs of backends.
//!
//! Source: `schema/program.fbs` and `runtime/executor/program.cpp` of pytorch/executorch, `schema/extended_header.h`.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Operator, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::flatbuffer::{Buffer, Fault, Table};
use super::tflite::report;

/// Reads programs of ExecuTorch.
pub struct ExecuTorch;

/// The set by which kernels and backends are judged.
const SET: &str = "executorch";

impl Reader for ExecuTorch {
    fn about(&self) -> &'static About {
        &About {
            id: "executorch",
            title: "ExecuTorch",
            family: Family::Model,
            names: &["*.pte"],
            reads: "every kernel and backend by its name, and where its segments lie; programs of backends are not read",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.get(4..8) == Some(b"ET12") {
            Claim::ByMagic
        } else if hint.has_extension("pte") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("executorch"), None);
        let mut program = Program {
            buffer: Buffer::new(input),
            input,
            operators: BTreeMap::new(),
            steps: input.size().saturating_mul(4).saturating_add(1 << 16),
        };
        let outcome = program.read(sink);
        for (operator, count) in program.operators {
            let effect = Effect::new(EffectKind::Operate, Target::Operator(operator), "ExecutionPlan");
            sink.observed(What::Effect(Effect { count, ..effect }), None);
        }
        report(outcome, input, sink)
    }
}

struct Program<'input> {
    buffer: Buffer<'input>,
    input: &'input Input,
    operators: BTreeMap<Operator, u64>,
    /// Parts that are still looked at: offsets may lead to one part over and over.
    steps: u64,
}

impl Program<'_> {
    fn read(&mut self, sink: &mut Sink) -> Result<(), Fault> {
        if self.buffer.bytes(4)? != *b"ET12" {
            sink.malformed("the program does not say that it is one (`ET12`)", Some(Span::Offset(4)));
        }
        let base = self.segments_start(sink)?;
        let program = self.buffer.root()?;
        let plans = self.buffer.tables(&program, 1)?;
        for number in 0..plans.count {
            let plan = self.buffer.element(plans, number)?;
            self.plan(&plan)?;
        }
        for field in [2, 3] {
            let inline = self.buffer.tables(&program, field)?;
            for number in 0..inline.count {
                self.step()?;
                let table = self.buffer.element(inline, number)?;
                self.buffer.vector(&table, 0, 1)?;
            }
        }
        let segments = self.buffer.tables(&program, 4)?;
        for number in 0..segments.count {
            self.step()?;
            let segment = self.buffer.element(segments, number)?;
            let at = self.buffer.field(&segment, 0, 8)?.unwrap_or(0);
            let (offset, size) = (self.buffer.large(&segment, 0)?, self.buffer.large(&segment, 1)?);
            let end = base.checked_add(offset).and_then(|start| start.checked_add(size));
            let end = end.ok_or(Fault::Wrapped(at))?;
            if end > self.input.size() {
                return Err(Fault::Overrun(at, end));
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Fault> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| {
            Unread::Malformed("one part is used more often than the file is large".to_owned())
        })?;
        Ok(self.input.go_on()?)
    }

    /// Where segments are counted from, by the extended header; the end of the file where there is none.
    fn segments_start(&self, sink: &mut Sink) -> Result<u64, Fault> {
        if self.input.size() < 32 || self.buffer.bytes(8)? != *b"eh00" {
            return Ok(self.input.size());
        }
        let (program, base) = (self.buffer.u64(16)?, self.buffer.u64(24)?);
        if program > self.input.size() {
            return Err(Fault::Overrun(16, program));
        }
        if base > self.input.size() {
            return Err(Fault::Overrun(24, base));
        }
        if base != 0 && base < program {
            sink.malformed("segments begin inside of the program", Some(Span::Offset(24)));
        }
        Ok(base)
    }

    fn plan(&mut self, plan: &Table) -> Result<(), Fault> {
        let operators = self.buffer.tables(plan, 6)?;
        for number in 0..operators.count {
            self.step()?;
            let operator = self.buffer.element(operators, number)?;
            let name = self.buffer.text(&operator, 0)?;
            let (domain, name) = name.split_once("::").unwrap_or(("", &name));
            self.add(domain, name);
        }
        let delegates = self.buffer.tables(plan, 7)?;
        for number in 0..delegates.count {
            self.step()?;
            let delegate = self.buffer.element(delegates, number)?;
            let id = self.buffer.text(&delegate, 0)?;
            self.add("delegate", &id);
        }
        Ok(())
    }

    fn add(&mut self, domain: &str, name: &str) {
        let operator = Operator { set: SET, domain: domain.to_owned(), name: name.to_owned() };
        let count = self.operators.entry(operator).or_default();
        *count = count.saturating_add(1);
    }
}

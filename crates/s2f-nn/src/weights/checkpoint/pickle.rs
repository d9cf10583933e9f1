//! Finds the tensors in a pickle, and passes over everything else.
//!
//! A pickle is a program for a stack machine (Python's `pickletools` describes it). This machine
//! builds dictionaries, lists and tuples, and the tensors that PyTorch's own calls rebuild. It
//! calls nothing: an object of any other class is a set of named values, and so are subclasses of
//! dictionaries. What a call of another function would make of a tensor is unknown, so its
//! arguments are dropped.

use std::collections::HashMap;

mod input;
mod rebuild;
#[cfg(test)]
mod tests;

use input::Input;
use rebuild::storage;

/// A tensor: where its values are, and how.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    /// Name of the storage.
    pub(super) storage: String,
    /// Type of the values as PyTorch names it: `Float`, `Half`, …
    pub(super) kind: String,
    /// Index of the first value in the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// What a pickle holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Tensors by the names under which they are reached.
    pub(super) tensors: HashMap<String, Tensor>,
    /// The type of the values of every storage.
    pub(super) storages: HashMap<String, String>,
}

#[derive(Debug, Clone)]
enum Value {
    /// Something that does not matter here.
    Other,
    Text(String),
    Number(i64),
    Tuple(Vec<Value>),
    /// A class or function, with its module.
    Class(String),
    /// A storage: its name and the type of its values.
    Storage(String, String),
    Tensor(Box<Tensor>),
    /// A dictionary, a list or an object, by its index.
    Node(usize),
}

/// Values by name; the names in a list are its numbers.
type Node = Vec<(String, Value)>;

#[derive(Default)]
struct Machine {
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    nodes: Vec<Node>,
    storages: HashMap<String, String>,
}

/// Deeper nesting does not occur in checkpoints.
const MAX_DEPTH: usize = 100;
/// More tensors than any network has.
const MAX_TENSORS: usize = 200_000;
/// Steps while names are formed: shared parts are visited again.
const MAX_STEPS: usize = 4_000_000;
/// Tuples are copied from the memo; together they have at most so many values.
const MAX_COPIED: usize = 8_000_000;
/// What a module calls its parts, which PyTorch leaves out of names.
const PARTS: [&str; 3] = ["_parameters", "_buffers", "_modules"];

/// The tensors of the pickle at the start of `bytes`, and its length.
pub(super) fn tensors(bytes: &[u8]) -> Result<(Found, usize), String> {
    let (mut machine, top, length) = run(bytes)?;
    let storages = std::mem::take(&mut machine.storages);
    let mut found = Found { tensors: HashMap::new(), storages };
    machine.name(&top, &mut Vec::new(), &mut found, &mut 0)?;
    Ok((found, length))
}

/// The length of the pickle at the start of `bytes`.
pub(super) fn length(bytes: &[u8]) -> Result<usize, String> {
    Ok(run(bytes)?.2)
}

/// The texts in the list that the pickle at the start of `bytes` holds, and its length.
pub(super) fn texts(bytes: &[u8]) -> Result<(Vec<String>, usize), String> {
    let (machine, top, length) = run(bytes)?;
    let Value::Node(list) = top else { return Err("it is no list".to_owned()) };
    let text = |(_, value): &(String, Value)| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    Ok((machine.nodes[list].iter().filter_map(text).collect(), length))
}

fn run(bytes: &[u8]) -> Result<(Machine, Value, usize), String> {
    let mut machine = Machine::default();
    let mut input = Input { bytes, at: 0 };
    let mut copied = 0;
    while !machine.step(&mut input, &mut copied)? {}
    let top = machine.pop()?;
    Ok((machine, top, input.at))
}

impl Machine {
    /// Runs one instruction; whether it was the last.
    fn step(&mut self, input: &mut Input<'_>, copied: &mut usize) -> Result<bool, String> {
        let operation = input.number(1)? as u8;
        match operation {
            b'.' => return Ok(true),
            0x80 => drop(input.take(1)?), // protocol
            0x95 => drop(input.take(8)?), // frame
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.popped_mark()?),
            b'2' => self.stack.push(self.stack.last().ok_or("its stack is empty")?.clone()),
            b'N' | 0x88 | 0x89 => self.stack.push(Value::Other),
            b'K' => self.push_number(input, 1)?,
            b'M' => self.push_number(input, 2)?,
            b'J' => {
                let number = input.number(4)? as u32;
                self.stack.push(Value::Number(number.cast_signed().into()));
            }
            0x8a | 0x8b => {
                let length = input.number(if operation == 0x8a { 1 } else { 4 })?;
                let bytes = input.take(length)?;
                let is_small = bytes.len() <= 8 && bytes.last().is_none_or(|top| *top < 0x80);
                let number =
                    bytes.iter().rev().take(8).fold(0, |n, byte| n << 8 | i64::from(*byte));
                self.stack.push(if is_small { Value::Number(number) } else { Value::Other });
            }
            b'G' => {
                input.take(8)?;
                self.stack.push(Value::Other);
            }
            b'I' | b'L' => {
                let line = input.line()?;
                let number = line.trim_end_matches('L').parse();
                self.stack.push(number.map_or(Value::Other, Value::Number));
            }
            b'F' => {
                input.line()?;
                self.stack.push(Value::Other);
            }
            b'S' | b'V' => {
                let line = input.line()?;
                self.stack.push(Value::Text(line.trim_matches(['\'', '"']).to_owned()));
            }
            b'U' | b'C' | 0x8c => self.push_text(input, 1)?,
            b'T' | b'X' | b'B' => self.push_text(input, 4)?,
            0x8d | 0x8e | 0x96 => self.push_text(input, 8)?,
            b'}' | b']' | 0x8f => self.push_node(Vec::new()),
            b')' => self.stack.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(operation - 0x84));
                let values = self.stack.split_off(from.ok_or("its stack is empty")?);
                self.stack.push(Value::Tuple(values));
            }
            b't' => {
                let values = self.popped_mark()?;
                self.stack.push(Value::Tuple(values));
            }
            b'l' | 0x91 => {
                let values = self.popped_mark()?;
                self.push_node(numbered(0, values));
            }
            b'd' => {
                let values = self.popped_mark()?;
                self.push_node(pairs(values));
            }
            b'c' => {
                let (module, name) = (input.line()?, input.line()?);
                self.stack.push(Value::Class(format!("{module}.{name}")));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err("a class has no name".to_owned());
                };
                self.stack.push(Value::Class(format!("{module}.{name}")));
            }
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                let made = self.call(&class, &arguments, 0);
                self.stack.push(made);
            }
            0x92 => {
                let (_, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                let made = self.call(&class, &arguments, 0);
                self.stack.push(made);
            }
            b'i' => {
                input.line()?;
                input.line()?;
                self.popped_mark()?;
                self.push_node(Vec::new());
            }
            b'o' => {
                self.popped_mark()?;
                self.push_node(Vec::new());
            }
            b'b' => {
                let state = self.pop()?;
                self.build(state)?;
            }
            b'a' => {
                let value = self.pop()?;
                self.extend(|node| numbered(node.len(), vec![value]))?;
            }
            b'e' | 0x90 => {
                let values = self.popped_mark()?;
                self.extend(|node| numbered(node.len(), values))?;
            }
            b's' => {
                let (value, name) = (self.pop()?, self.pop()?);
                self.extend(|_| pairs(vec![name, value]))?;
            }
            b'u' => {
                let values = self.popped_mark()?;
                self.extend(|_| pairs(values))?;
            }
            b'Q' => {
                let id = storage(self.pop()?);
                if let Value::Storage(name, kind) = &id {
                    self.storages.insert(name.clone(), kind.clone());
                }
                self.stack.push(id);
            }
            b'P' => {
                input.line()?;
                self.stack.push(Value::Other);
            }
            b'p' => {
                let index = input.line()?.parse().map_err(|_| "a bad number")?;
                self.remember(index)?;
            }
            b'q' | b'r' => {
                let index = input.number(if operation == b'q' { 1 } else { 4 })?;
                self.remember(index as u32)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'g' | b'h' | b'j' => {
                let index = match operation {
                    b'g' => input.line()?.parse().map_err(|_| "a bad number")?,
                    b'h' => input.number(1)? as u32,
                    _ => input.number(4)? as u32,
                };
                let value = self.memo.get(&index).ok_or("it refers to nothing")?;
                *copied += size(value);
                if *copied > MAX_COPIED {
                    return Err("it repeats itself too often".to_owned());
                }
                self.stack.push(value.clone());
            }
            other => return Err(format!("instruction {other:#04x} is unknown")),
        }
        Ok(false)
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "its stack is empty".to_owned())
    }

    fn popped_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or("a mark is missing")?))
    }

    fn push_node(&mut self, node: Node) {
        self.stack.push(Value::Node(self.nodes.len()));
        self.nodes.push(node);
    }

    fn push_number(&mut self, input: &mut Input<'_>, length: u64) -> Result<(), String> {
        let number = input.number(length)?;
        self.stack.push(Value::Number(number.cast_signed()));
        Ok(())
    }

    fn push_text(&mut self, input: &mut Input<'_>, digits: u64) -> Result<(), String> {
        self.stack.push(input.sized_text(digits)?);
        Ok(())
    }

    fn remember(&mut self, index: u32) -> Result<(), String> {
        let value = self.stack.last().ok_or("its stack is empty")?.clone();
        self.memo.insert(index, value);
        Ok(())
    }

    /// Adds values to the dictionary, list or object on top of the stack.
    fn extend(&mut self, values: impl FnOnce(&Node) -> Node) -> Result<(), String> {
        match self.stack.last() {
            Some(Value::Node(node)) => {
                let new = values(&self.nodes[*node]);
                self.nodes[*node].extend(new);
                Ok(())
            }
            Some(_) => Ok(()), // something that does not matter here
            None => Err("its stack is empty".to_owned()),
        }
    }

    /// Gives its state to the object on top of the stack.
    fn build(&mut self, state: Value) -> Result<(), String> {
        // With slots, the state is a pair of dictionaries.
        let states = match state {
            Value::Tuple(states) => states,
            state => vec![state],
        };
        for state in states {
            if let Value::Node(state) = state {
                let values = self.nodes[state].clone();
                self.extend(|_| values)?;
            }
        }
        Ok(())
    }

    /// Names the tensors that are reached from `value`, whose own name has these parts.
    fn name<'m>(
        &'m self,
        value: &'m Value,
        path: &mut Vec<&'m str>,
        found: &mut Found,
        steps: &mut usize,
    ) -> Result<(), String> {
        *steps += 1;
        if *steps > MAX_STEPS || found.tensors.len() > MAX_TENSORS {
            return Err("it has too many tensors".to_owned());
        }
        if path.len() > MAX_DEPTH {
            return Ok(()); // an object that holds itself
        }
        match value {
            Value::Tensor(tensor) => {
                let parts = path.iter().copied().filter(|part| !PARTS.contains(part));
                found.tensors.insert(parts.collect::<Vec<_>>().join("."), (**tensor).clone());
            }
            Value::Node(node) => {
                for (name, value) in &self.nodes[*node] {
                    if matches!(value, Value::Tensor(_) | Value::Node(_) | Value::Tuple(_)) {
                        path.push(name);
                        self.name(value, path, found, steps)?;
                        path.pop();
                    }
                }
            }
            Value::Tuple(values) => {
                for value in values {
                    if matches!(value, Value::Node(_)) {
                        self.name(value, path, found, steps)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Number of values that a copy of this one has.
fn size(value: &Value) -> usize {
    match value {
        Value::Tuple(values) => 1 + values.iter().map(size).sum::<usize>(),
        _ => 1,
    }
}

fn numbered(from: usize, values: Vec<Value>) -> Node {
    values.into_iter().zip(from..).map(|(value, number)| (number.to_string(), value)).collect()
}

/// Names and values in turn; other keys than texts and numbers do not matter here.
fn pairs(values: Vec<Value>) -> Node {
    let mut values = values.into_iter();
    let mut node = Vec::new();
    while let (Some(name), Some(value)) = (values.next(), values.next()) {
        match name {
            Value::Text(name) => node.push((name, value)),
            Value::Number(number) => node.push((number.to_string(), value)),
            _ => {}
        }
    }
    node
}

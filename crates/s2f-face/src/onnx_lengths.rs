//! Checks the lengths in an ONNX file before it is parsed.
//!
//! ONNX is Protocol Buffers. The parser skips what it does not know by the length that the file
//! states, and a length above 2^63 makes it go backwards, forever. So every length must fit into
//! what it is part of: that of a message into the message around it, and that of the outermost
//! fields into the file. Lists of numbers must hold whole numbers: the parser repeats one that is
//! not, forever too. Field numbers are those of `onnx.proto`.

/// Graphs in attributes in graphs; ONNX has no need of so many.
const MAX_DEPTH: usize = 64;

/// A message whose fields are messages too.
#[derive(Debug, Clone, Copy)]
enum Message {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    /// One with only numbers and text.
    Leaf,
}

impl Message {
    /// The message in field `number`, if it is one.
    fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) => Self::Graph,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Self::Tensor
            }
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Function, 11) | (Self::Node, 5) => Self::Attribute,
            (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Attribute, 14 | 15) | (Self::ValueInfo, 2) => Self::Type,
            (Self::Type, 1 | 8) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Model, 8 | 14 | 20)
            | (Self::Graph, 14 | 16)
            | (Self::Function, 9 | 14)
            | (Self::Node, 9)
            | (Self::Tensor, 3 | 13 | 16)
            | (Self::ValueInfo, 4)
            | (Self::Type, 4 | 5 | 9)
            | (Self::Shape, 1) => Self::Leaf,
            _ => return None,
        })
    }
}

/// The numbers of a list that stands in one field.
#[derive(Debug, Clone, Copy)]
enum Packed {
    /// Seven bits a byte.
    Varint,
    /// Of so many bytes each.
    Fixed(usize),
}

impl Packed {
    /// The list in field `number` of a message, if it is one.
    fn of(message: Message, number: u64) -> Option<Self> {
        match (message, number) {
            (Message::Tensor, 1 | 5 | 7 | 11)
            | (Message::Attribute, 8)
            | (Message::SparseTensor, 3) => Some(Self::Varint),
            (Message::Tensor, 4) | (Message::Attribute, 7) => Some(Self::Fixed(4)),
            (Message::Tensor, 10) => Some(Self::Fixed(8)),
            _ => None,
        }
    }

    fn check(self, mut list: &[u8]) -> Result<(), String> {
        match self {
            Self::Varint => {
                while !list.is_empty() {
                    number(&mut list)?;
                }
                Ok(())
            }
            Self::Fixed(size) if list.len().is_multiple_of(size) => Ok(()),
            Self::Fixed(size) => Err(format!("{} bytes of numbers of {size}", list.len())),
        }
    }
}

/// Checks a whole file; the error says what is wrong.
pub(crate) fn check(file: &[u8]) -> Result<(), String> {
    message(file, Message::Model, 0)
}

fn message(mut bytes: &[u8], kind: Message, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("more than {MAX_DEPTH} messages in each other"));
    }
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        match tag & 7 {
            0 => drop(number(&mut bytes)?),
            1 => drop(take(&mut bytes, 8)?),
            2 => {
                let length = number(&mut bytes)?;
                let contents = take(&mut bytes, length)?;
                if let Some(inner) = kind.field(tag >> 3) {
                    message(contents, inner, depth + 1)?;
                }
                if let Some(packed) = Packed::of(kind, tag >> 3) {
                    packed.check(contents)?;
                }
            }
            5 => drop(take(&mut bytes, 4)?),
            other => return Err(format!("a field of wire type {other}")),
        }
    }
    Ok(())
}

/// A number of seven bits a byte.
fn number(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number of more than ten bytes".to_owned())
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], String> {
    let at = usize::try_from(length).ok().filter(|at| *at <= bytes.len());
    let at = at.ok_or(format!("a length of {length} where {} bytes are left", bytes.len()))?;
    let (taken, rest) = bytes.split_at(at);
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_end_is_refused_at_every_level() {
        // graph { node { op_type: "Relu" } }
        let file = [0x3a, 8, 0x0a, 6, 0x22, 4, b'R', b'e', b'l', b'u'];
        assert_eq!(check(&file), Ok(()));
        for (at, shown) in [(1, "9"), (3, "7"), (5, "5")] {
            let mut wrong = file;
            wrong[at] += 1;
            let error = check(&wrong).unwrap_err();
            assert!(error.starts_with(&format!("a length of {shown} where")), "{error}");
        }
        // A length of 2^64 - 1 in a field that nobody knows.
        let endless = [&[0x7a][..], &[0xff; 9], &[1]].concat();
        assert!(check(&endless).unwrap_err().starts_with("a length of 18446744073709551615"));
        assert!(check(&[0x0b]).is_err() && check(&[0xff; 12]).is_err());
    }

    #[test]
    fn lists_hold_whole_numbers() {
        // graph { initializer { dims, int64_data or float_data } }
        let file = |field: u8, list: &[u8]| {
            let tensor = [&[field << 3 | 2, list.len() as u8][..], list].concat();
            let graph = [&[0x2a, tensor.len() as u8][..], &tensor].concat();
            [&[0x3a, graph.len() as u8][..], &graph].concat()
        };
        assert_eq!(check(&file(7, &[0x80, 1, 5])), Ok(()));
        assert_eq!(check(&file(4, &[0; 8])), Ok(()));
        assert!(check(&file(7, &[5, 0x80])).is_err());
        assert!(check(&file(1, &[0xff; 11])).is_err());
        assert!(check(&file(4, &[0; 7])).is_err());
    }

    #[test]
    fn graphs_in_graphs_have_an_end() {
        // node { attribute { g { node { …, from the innermost outwards.
        let mut nested = Vec::new();
        for level in 0..200 {
            let tag = [0x0a, 0x32, 0x2a][level % 3];
            let mut outer = vec![tag];
            let mut length = nested.len();
            while length > 0x7f {
                outer.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            nested = [outer, nested].concat();
        }
        let kinds = [Message::Graph, Message::Attribute, Message::Node];
        let error = message(&nested, kinds[199 % 3], 0).unwrap_err();
        assert_eq!(error, "more than 64 messages in each other");
    }
}

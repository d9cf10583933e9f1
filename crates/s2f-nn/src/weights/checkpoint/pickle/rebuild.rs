//! What PyTorch's own calls rebuild: storages and tensors.

use super::{MAX_DEPTH, Machine, Node, Tensor, Value, pairs};

impl Machine {
    /// What a class or function makes of its arguments.
    pub(super) fn call(&mut self, class: &Value, arguments: &Value, depth: usize) -> Value {
        let (Value::Class(name), Value::Tuple(arguments)) = (class, arguments) else {
            return Value::Other;
        };
        let made = match (name.as_str(), &arguments[..]) {
            ("torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2", [storage, ..]) => {
                rebuilt(storage, None, &arguments[1..])
            }
            ("torch._utils._rebuild_tensor_v3", [storage, _, _, _, _, _, kind, ..]) => {
                rebuilt(storage, Some(kind), &arguments[1..])
            }
            (
                "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state",
                [tensor, ..],
            ) => Some(tensor.clone()),
            ("torch._tensor._rebuild_from_type_v2", [function, _, inner, ..])
                if depth < MAX_DEPTH =>
            {
                Some(self.call(function, inner, depth + 1))
            }
            // Dictionaries that are made from a list of pairs.
            (
                "collections.OrderedDict" | "builtins.dict" | "__builtin__.dict",
                [Value::Node(list)],
            ) => {
                let pair = |(name, value): &(String, Value)| match value {
                    Value::Tuple(pair) => pairs(pair.clone()),
                    Value::Node(pair) if self.nodes[*pair].len() == 2 => {
                        pairs(self.nodes[*pair].iter().map(|(_, value)| value.clone()).collect())
                    }
                    value => vec![(name.clone(), value.clone())],
                };
                let node: Node = self.nodes[*list].iter().flat_map(pair).collect();
                self.nodes.push(node);
                return Value::Node(self.nodes.len() - 1);
            }
            _ => None,
        };
        made.unwrap_or_else(|| {
            self.nodes.push(Vec::new());
            Value::Node(self.nodes.len() - 1)
        })
    }
}

/// A storage, from the tuple by which PyTorch refers to it.
pub(super) fn storage(id: Value) -> Value {
    let Value::Tuple(parts) = id else { return Value::Other };
    match &parts[..] {
        [Value::Text(what), Value::Class(class), Value::Text(name), ..] if what == "storage" => {
            let kind = class.rsplit('.').next().unwrap_or_default();
            let kind = kind.trim_end_matches("Storage").to_owned();
            Value::Storage(name.clone(), kind)
        }
        _ => Value::Other,
    }
}

/// A tensor, from its storage, the type of its values if the storage does not know it, and offset,
/// shape and strides.
fn rebuilt(storage: &Value, kind: Option<&Value>, rest: &[Value]) -> Option<Value> {
    let Value::Storage(storage, own) = storage else { return None };
    let numbers = |value: &Value| -> Option<Vec<usize>> {
        let values = match value {
            Value::Tuple(values) => values,
            _ => return None,
        };
        let number = |value: &Value| match value {
            Value::Number(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        values.iter().map(number).collect()
    };
    let [Value::Number(offset), shape, strides, ..] = rest else { return None };
    let kind = match kind {
        Some(Value::Class(name)) => match name.as_str() {
            "torch.float32" => "Float",
            "torch.float64" => "Double",
            "torch.float16" => "Half",
            "torch.bfloat16" => "BFloat16",
            other => other,
        },
        _ => own,
    };
    let (shape, strides) = (numbers(shape)?, numbers(strides)?);
    (shape.len() == strides.len()).then_some(())?;
    let offset = usize::try_from(*offset).ok()?;
    let (storage, kind) = (storage.clone(), kind.to_owned());
    Some(Value::Tensor(Box::new(Tensor { storage, kind, offset, shape, strides })))
}

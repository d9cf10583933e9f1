//! A builder of ONNX graphs: each operator is one call, which returns the name of its output.

use safetensors::SafeTensors;

use super::proto::{
    Attribute, Axis, Dimension, GraphProto, NodeProto, TensorProto, TensorShape, TensorType,
    TypeProto, ValueInfo, attribute_type, data_type,
};
use crate::normalise::SHORTEST;
use crate::weights::WeightsError;

/// The name of an operator's output, an input or a constant.
#[derive(Debug, Clone)]
pub(super) struct Value(String);

/// A graph that is being built.
pub(super) struct Graph<'a> {
    graph: GraphProto,
    weights: SafeTensors<'a>,
    /// The start of all names, which have to be unique over a graph and the graphs inside it.
    prefix: &'static str,
    count: usize,
}

impl<'a> Graph<'a> {
    /// An empty graph that takes its weights from `weights`.
    pub(super) fn new(name: &str, weights: SafeTensors<'a>) -> Self {
        let graph = GraphProto { name: name.to_owned(), ..GraphProto::default() };
        Self { graph, weights, prefix: "", count: 0 }
    }

    pub(super) fn finish(self) -> GraphProto {
        self.graph
    }

    /// An input of the graph.
    pub(super) fn input(&mut self, name: &str, axes: &[Axis]) -> Value {
        self.graph.input.push(value_info(name, data_type::FLOAT, Some(axes)));
        Value(name.to_owned())
    }

    /// Makes `value` an output of the graph.
    pub(super) fn output(&mut self, name: &str, value: &Value, axes: &[Axis]) {
        self.add("Identity", &[value], vec![], name.to_owned());
        self.graph.output.push(value_info(name, data_type::FLOAT, Some(axes)));
    }

    /// A weight of the network, by its PyTorch name.
    pub(super) fn weight(&mut self, name: &str) -> Result<Value, WeightsError> {
        let missing = |_| WeightsError::Missing { tensors: vec![name.to_owned()] };
        let view = self.weights.tensor(name).map_err(missing)?;
        let (shape, bytes) = (view.shape().to_vec(), view.data().to_vec());
        Ok(self.initializer(name.to_owned(), &shape, data_type::FLOAT, bytes))
    }

    /// The values of a weight.
    pub(super) fn values(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let missing = |_| WeightsError::Missing { tensors: vec![name.to_owned()] };
        let view = self.weights.tensor(name).map_err(missing)?;
        Ok(view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// A constant, row-major.
    pub(super) fn constant(&mut self, shape: &[usize], values: &[f32]) -> Value {
        let name = self.name("constant");
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, shape, data_type::FLOAT, bytes)
    }

    /// A constant without axes.
    pub(super) fn scalar(&mut self, value: f64) -> Value {
        self.constant(&[], &[value as f32])
    }

    /// A list of integers.
    pub(super) fn integers(&mut self, values: &[i64]) -> Value {
        let name = self.name("integers");
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, &[values.len()], data_type::INT64, bytes)
    }

    fn initializer(
        &mut self,
        name: String,
        shape: &[usize],
        data_type: i32,
        raw_data: Vec<u8>,
    ) -> Value {
        let dims = shape.iter().map(|&axis| axis as i64).collect();
        self.graph.initializer.push(TensorProto { dims, data_type, name: name.clone(), raw_data });
        Value(name)
    }

    /// An operator with one output.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: Vec<Attribute>,
    ) -> Value {
        let name = self.name(operator);
        self.add(operator, inputs, attributes, name)
    }

    fn add(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attribute: Vec<Attribute>,
        output: String,
    ) -> Value {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| input.0.clone()).collect(),
            output: vec![output.clone()],
            name: output.clone(),
            op_type: operator.to_owned(),
            attribute,
        });
        Value(output)
    }

    fn name(&mut self, of: &str) -> String {
        self.count += 1;
        format!("{}{}_{}", self.prefix, of.to_lowercase(), self.count)
    }

    /// Repeats `body` `times` times: (inner graph, iteration as `[1]`, state) → state, whose shape
    /// does not change. `body` can read all values of the outer graph.
    pub(super) fn repeat(
        &mut self,
        times: usize,
        state: &Value,
        body: impl FnOnce(&mut Self, &Value, &Value) -> Value,
    ) -> Value {
        const PREFIX: &str = "loop_";
        let mut outer = std::mem::replace(
            &mut self.graph,
            GraphProto { name: "loop".into(), ..Default::default() },
        );
        self.prefix = PREFIX;
        let [iteration, condition, before] =
            ["iteration", "condition", "state"].map(|name| format!("{PREFIX}{name}"));
        self.graph.input = vec![
            value_info(&iteration, data_type::INT64, Some(&[])),
            value_info(&condition, data_type::BOOL, Some(&[])),
            value_info(&before, data_type::FLOAT, None),
        ];
        let one = self.integers(&[1]);
        let iteration = self.node("Reshape", &[&Value(iteration), &one], vec![]);
        let after = body(self, &iteration, &Value(before));
        let condition = self.node("Identity", &[&Value(condition)], vec![]);
        self.graph.output = vec![
            value_info(&condition.0, data_type::BOOL, Some(&[])),
            value_info(&after.0, data_type::FLOAT, None),
        ];
        std::mem::swap(&mut self.graph, &mut outer);
        self.prefix = "";
        let name = self.name("integers");
        let bytes = (times as i64).to_le_bytes().to_vec();
        let times = self.initializer(name, &[], data_type::INT64, bytes);
        let body = Attribute { g: Some(outer), kind: attribute_type::GRAPH, ..named("body") };
        // An empty name is an omitted input: the loop has no other condition to end.
        self.node("Loop", &[&times, &Value::none(), state], vec![body])
    }

    // Operators that all networks have.

    /// x·Wᵀ + b of a linear layer, `[batch, inputs]` to `[batch, outputs]`.
    pub(super) fn linear(&mut self, layer: &str, x: &Value) -> Result<Value, WeightsError> {
        let weight = self.weight(&format!("{layer}.weight"))?;
        let bias = self.weight(&format!("{layer}.bias"))?;
        Ok(self.node("Gemm", &[x, &weight, &bias], vec![int("transB", 1)]))
    }

    pub(super) fn relu(&mut self, x: &Value) -> Value {
        self.node("Relu", &[x], vec![])
    }

    /// Each row divided by its Euclidean length, as [`unit_length`](crate::unit_length).
    pub(super) fn unit_length(&mut self, x: &Value) -> Value {
        let length = self.node("ReduceL2", &[x], vec![ints("axes", &[1]), int("keepdims", 1)]);
        let shortest = self.scalar(SHORTEST);
        let length = self.binary("Max", &length, &shortest);
        self.binary("Div", x, &length)
    }

    /// An operator with two inputs and no attributes, such as `Add`.
    pub(super) fn binary(&mut self, operator: &str, a: &Value, b: &Value) -> Value {
        self.node(operator, &[a, b], vec![])
    }

    /// `length` entries of `axis` from `start`.
    pub(super) fn narrow(&mut self, x: &Value, axis: usize, start: usize, length: usize) -> Value {
        let [from, to, axis] = [start, start + length, axis].map(|n| self.integers(&[n as i64]));
        self.node("Slice", &[x, &from, &to, &axis], vec![])
    }

    /// An axis of `-1` is inferred: the batch.
    pub(super) fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.binary("Reshape", x, &shape)
    }
}

impl Value {
    /// An optional input that is omitted.
    pub(super) fn none() -> Self {
        Self(String::new())
    }
}

fn named(name: &str) -> Attribute {
    Attribute { name: name.to_owned(), ..Attribute::default() }
}

pub(super) fn int(name: &str, i: i64) -> Attribute {
    Attribute { i, kind: attribute_type::INT, ..named(name) }
}

pub(super) fn ints(name: &str, ints: &[usize]) -> Attribute {
    let ints = ints.iter().map(|&i| i as i64).collect();
    Attribute { ints, kind: attribute_type::INTS, ..named(name) }
}

pub(super) fn float(name: &str, f: f32) -> Attribute {
    Attribute { f, kind: attribute_type::FLOAT, ..named(name) }
}

pub(super) fn text(name: &str, s: &str) -> Attribute {
    Attribute { s: s.into(), kind: attribute_type::STRING, ..named(name) }
}

/// An axis of fixed length.
pub(super) fn fixed(length: usize) -> Axis {
    Axis::Fixed(length as i64)
}

/// The batch axis, of any length.
pub(super) fn batch() -> Axis {
    Axis::Named("batch".into())
}

fn value_info(name: &str, elem_type: i32, axes: Option<&[Axis]>) -> ValueInfo {
    let dim = |axis: &Axis| Dimension { value: Some(axis.clone()) };
    let shape = axes.map(|axes| TensorShape { dim: axes.iter().map(dim).collect() });
    let tensor_type = Some(TensorType { elem_type, shape });
    ValueInfo { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

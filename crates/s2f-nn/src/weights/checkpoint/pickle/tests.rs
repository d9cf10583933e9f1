//! Pickles as Python 3 writes them; the program that wrote each is above it.

use super::*;

/// `torch._utils._rebuild_tensor_v2` of two floats in storage `0`, as PyTorch writes it.
const TENSOR: &[u8] =
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
    X\x01\0\0\x000X\x03\0\0\0cpuK\x02tQK\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR";

/// A dictionary of a text key and these values.
fn dictionary(values: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x80\x02}(".to_vec();
    for (name, value) in values {
        bytes.push(b'X');
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(*value);
    }
    bytes.extend(b"u.");
    bytes
}

fn names(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = tensors(bytes).unwrap().0.tensors.into_keys().collect();
    names.sort_unstable();
    names
}

#[test]
fn tensors_are_found_beside_objects_of_any_class() {
    // collections.defaultdict(list, {"loss": [0.5]})
    let default_dict = b"ccollections\ndefaultdict\nc__builtin__\nlist\n\x85RX\x04\0\0\0loss]s";
    // collections.deque([1, 2])
    let deque = b"ccollections\ndeque\n)R(K\x01K\x02e";
    // A subclass of dict with an item, then attributes.
    let subclass = b"ceasydict\nEasyDict\n)\x81X\x02\0\0\0lrK\x01s}X\x01\0\0\0aK\x02sb";
    // argparse.Namespace(lr=1)
    let namespace = b"cargparse\nNamespace\n)\x81}X\x02\0\0\0lrK\x01sb";
    // numpy.float64(0.5), and an object with slots.
    let scalar =
        b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\0\0\0f8\x85RC\x08abcdefgh\x86R";
    let slots = b"cmine\nSlots\n)\x81N}X\x01\0\0\0aK\x01s\x86b";
    for (extra, name) in [
        (&default_dict[..], "defaultdict"),
        (deque, "deque"),
        (subclass, "dict subclass"),
        (namespace, "namespace"),
        (scalar, "scalar"),
        (slots, "slots"),
    ] {
        let bytes = dictionary(&[("extra", extra), ("weight", TENSOR)]);
        assert_eq!(names(&bytes), ["weight"], "{name}");
        let tensor = &tensors(&bytes).unwrap().0.tensors["weight"];
        assert_eq!(
            (&tensor.shape[..], &tensor.strides[..], tensor.offset),
            (&[2][..], &[1][..], 0)
        );
        assert_eq!((tensor.storage.as_str(), tensor.kind.as_str()), ("0", "Float"));
    }
}

#[test]
fn tensors_inside_other_objects_have_names() {
    let inner = dictionary(&[("weight", TENSOR)]);
    let inner = &inner[2..inner.len() - 1];
    // In a dictionary, a subclass of one, an object and a list of an object.
    let object = [b"cmine\nNet\n)\x81", inner, b"b"].concat();
    let list = [b"](", &object[..], b"e"].concat();
    let module = dictionary(&[("_parameters", inner)]);
    let module = [b"cmine\nNet\n)\x81", &module[2..module.len() - 1], b"b"].concat();
    let bytes = dictionary(&[
        ("dict", inner),
        ("object", &object),
        ("list", &list),
        ("module", &module),
        // What another function makes of a tensor is not known.
        ("call", &[b"cmine\nturned\n(", TENSOR, b"tR"].concat()),
    ]);
    let expected = ["dict.weight", "list.0.weight", "module.weight", "object.weight"];
    assert_eq!(names(&bytes), expected);
}

#[test]
fn hostile_pickles_end() {
    // A list that holds itself, lists in lists, and tuples that double from line to line.
    let itself = b"\x80\x02]q\x00h\x00a.".to_vec();
    assert_eq!(names(&itself), [""; 0]);
    let deep = [&b"\x80\x02"[..], &[b']'; 100_000], &[b'a'; 99_999], b"."].concat();
    assert_eq!(names(&deep), [""; 0]);
    let mut doubling = b"\x80\x02)q\x00".to_vec();
    for _ in 0..60 {
        doubling.extend(b"h\x00h\x00\x86q\x00");
    }
    doubling.push(b'.');
    assert!(tensors(&doubling).is_err());
    let whole = dictionary(&[("weight", TENSOR)]);
    for end in 0..whole.len() {
        assert!(tensors(&whole[..end]).is_err(), "{end}");
    }
    for at in 0..whole.len() {
        for value in [0, 0xff, b'.', b'R', b'h', b'('] {
            let mut changed = whole.clone();
            changed[at] = value;
            let _ = tensors(&changed);
        }
    }
}

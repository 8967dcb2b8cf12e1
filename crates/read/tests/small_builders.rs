//! Builders of small formats, for the tests of the readers and for the suites of the engine.

/// Writes items in XDR.
#[derive(Clone, Default)]
pub(crate) struct Xdr(Vec<u8>);

impl Xdr {
    /// What `saveRDS(compress = FALSE)` begins with.
    pub(crate) fn new() -> Self {
        Self(b"X\n".to_vec()).int(3).int(0x0004_0202).int(0x0003_0500).int(5).raw(b"UTF-8")
    }

    /// What `save(compress = FALSE)` begins with.
    pub(crate) fn workspace() -> Self {
        Self([b"RDX3\n", Self::new().0.as_slice()].concat())
    }

    pub(crate) fn int(self, value: i32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.int(9 | 0x4_0000).int(text.len() as i32).raw(text.as_bytes())
    }

    pub(crate) fn symbol(self, name: &str) -> Self {
        self.int(1).text(name)
    }

    /// `NAME(TEXT)`, unevaluated.
    pub(crate) fn call(self, name: &str, text: &str) -> Self {
        self.int(6).symbol(name).int(2).int(16).int(1).text(text).null()
    }

    pub(crate) fn null(self) -> Self {
        self.int(254)
    }

    /// A promise that nobody has looked at, in the global environment.
    pub(crate) fn promise(self, name: &str, text: &str) -> Self {
        self.int(5 | 1 << 10).int(253).int(252).call(name, text)
    }

    /// `function() NAME(TEXT)` in the global environment.
    pub(crate) fn closure(self, name: &str, text: &str) -> Self {
        self.int(3 | 1 << 10).int(253).null().call(name, text)
    }

    /// A variable of a list of them; the list goes on behind it.
    pub(crate) fn variable(self, name: &str) -> Self {
        self.int(2 | 1 << 10).symbol(name)
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A node of the schema of a skops model; `more` are further items.
pub(crate) fn skops_node(loader: &str, module: &str, class: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { ", " };
    format!(r#"{{"__class__": "{class}", "__module__": "{module}", "__loader__": "{loader}"{comma}{more}}}"#)
}

/// A model of XGBoost with one tree, four features and three groups, in JSON.
pub(crate) fn xgboost(left: &str, right: &str, features: &str, attributes: &str) -> String {
    let tree = format!(r#"{{"left_children":{left},"right_children":{right},"split_indices":{features}}}"#);
    let booster = format!(r#"{{"model":{{"tree_info":[0],"trees":[{tree}]}},"name":"gbtree"}}"#);
    let parameters = r#"{"num_class":"3","num_feature":"4","num_target":"1"}"#;
    format!(
        r#"{{"learner":{{"attributes":{{{attributes}}},"gradient_booster":{booster},"learner_model_param":{parameters}}},"version":[3,2,0]}}"#
    )
}

/// The same in UBJSON, without parameters.
pub(crate) fn xgboost_ubj(left: &[i32], right: &[i32]) -> Vec<u8> {
    let name = |name: &str| [b"L".as_slice(), &(name.len() as u64).to_be_bytes(), name.as_bytes()].concat();
    let list = |values: &[i32]| {
        let numbers: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        [b"[$l#L".as_slice(), &(values.len() as u64).to_be_bytes(), &numbers].concat()
    };
    let object = |items: &[(&str, Vec<u8>)]| {
        let items = items.iter().flat_map(|(key, value)| [name(key), value.clone()].concat());
        [b"{".to_vec(), items.collect(), b"}".to_vec()].concat()
    };
    let tree = object(&[("left_children", list(left)), ("right_children", list(right))]);
    let model = object(&[("trees", [b"[".to_vec(), tree, b"]".to_vec()].concat())]);
    object(&[("learner", object(&[("gradient_booster", object(&[("model", model)]))]))])
}

/// A model of LightGBM with one tree of two inner nodes and four features.
pub(crate) fn lightgbm(left: &str, right: &str, features: &str) -> String {
    let tree = format!(
        "Tree=0\nnum_leaves=3\nsplit_feature={features}\nleft_child={left}\nright_child={right}\n\n\n"
    );
    let header = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=3\n";
    format!("{header}tree_sizes={}\n\n{tree}end of trees\n\nparameters:\nend of parameters\n", tree.len())
}

/// A model of CatBoost without trees that holds one text.
pub(crate) fn catboost(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes(), &[0]].concat();
    // Reference to the root, its table of fields (version, none, texts), the root; then what they refer to.
    let mut buffer: Vec<u8> = [&16u32.to_le_bytes()[..], &[0, 0]].concat();
    for field in [10u16, 12, 4, 0, 8] {
        buffer.extend(field.to_le_bytes());
    }
    let root = buffer.len();
    assert_eq!(root, 16);
    let mut tail: Vec<u8> = Vec::new();
    let base = root + 12;
    // One text: a vector of one table.
    let vector = base;
    tail.extend(1u32.to_le_bytes());
    tail.extend(12u32.to_le_bytes()); // from here to the table, over its own table of fields
    tail.extend([8u16, 12, 4, 8].iter().flat_map(|field| field.to_le_bytes()));
    let table = base + tail.len();
    tail.extend(8i32.to_le_bytes());
    let key = table + 12;
    tail.extend(((key - (table + 4)) as u32).to_le_bytes());
    let second = key + text(name).len();
    tail.extend(((second - (table + 8)) as u32).to_le_bytes());
    tail.extend(text(name));
    tail.extend(text(value));
    let version = base + tail.len();
    tail.extend(text("FlabuffersModel_v1"));
    buffer.extend(10i32.to_le_bytes());
    buffer.extend(((version - (root + 4)) as u32).to_le_bytes());
    buffer.extend(((vector - (root + 8)) as u32).to_le_bytes());
    buffer.extend(tail);
    [b"CBM1".as_slice(), &(buffer.len() as u32).to_le_bytes(), &buffer].concat()
}

/// An array of MXNet: its shape, and as many bytes.
pub(crate) fn mxnet_array(shape: &[i64], bytes: usize) -> Vec<u8> {
    let mut out = [0x112u64.to_le_bytes(), [0; 8], 1u64.to_le_bytes()].concat();
    out.extend(0xf993_fac9u32.to_le_bytes());
    out.extend(0u32.to_le_bytes());
    out.extend((shape.len() as u32).to_le_bytes());
    out.extend(shape.iter().flat_map(|dimension| dimension.to_le_bytes()));
    // On the processor, of type float32.
    out.extend([1u32, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    out.extend(vec![0; bytes]);
    [out, 1u64.to_le_bytes().to_vec(), 1u64.to_le_bytes().to_vec(), b"a".to_vec()].concat()
}

/// A graph of MXNet of one operator.
pub(crate) fn mxnet_graph(operator: &str, attributes: &str) -> String {
    format!(
        r#"{{"nodes": [{{"op": "null", "name": "data", "inputs": []}},
            {{"op": "{operator}", "name": "a", "attrs": {{{attributes}}}, "inputs": [[0, 0, 0]]}}], "arg_nodes": [0]}}"#
    )
}

/// A model of OpenVINO of one layer.
pub(crate) fn openvino(layer: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\"><layers>{layer}</layers><edges/></net>\n"
    )
}

/// A model in PMML that computes one field.
pub(crate) fn pmml(doctype: &str, field: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n{doctype}<PMML xmlns=\"http://www.dmg.org/PMML-4_4\" version=\"4.4\"><Header/>
        <TransformationDictionary>{field}</TransformationDictionary></PMML>\n"
    )
}

/// A tree of Flax with one array, and an extension of another type.
pub(crate) fn flax(extension: Option<u8>) -> Vec<u8> {
    let array = [b"\x93\x92\x01\x02\xa7float32\xc4\x08".as_slice(), &[0; 8]].concat();
    let mut out = b"\x82\xa6params\x81\xa6kernel".to_vec();
    out.extend([0xc7, array.len() as u8, 1]);
    out.extend(array);
    out.extend(b"\xa4step");
    match extension {
        Some(code) => out.extend([0xd4, code, 7]),
        None => out.push(3),
    }
    out
}

/// A model of Torch7: an object of this class whose state is a table with a tensor and this object.
pub(crate) fn torch7(class: &str, object: &[u8]) -> Vec<u8> {
    let int = |value: i32| value.to_le_bytes().to_vec();
    let text = |text: &str| [int(text.len() as i32), text.as_bytes().to_vec()].concat();
    let named = |name: &str| [int(2), text(name)].concat();
    let begun = |index: i32, class: &str| [int(4), int(index), text("V 1"), text(class)].concat();
    let long = |value: i64| value.to_le_bytes().to_vec();
    let tensor = [begun(3, "torch.FloatTensor"), int(1), long(2), long(1), long(1)].concat();
    let storage = [begun(4, "torch.FloatStorage"), long(2), vec![0; 8]].concat();
    [begun(1, class), int(3), int(2), int(2), named("weight"), tensor, storage, named("x"), object.to_vec()]
        .concat()
}

/// An array of MATLAB's level 5 of this class; the texts are its name and what follows.
pub(crate) fn matlab(class: u8, texts: &[&str]) -> Vec<u8> {
    let element = |kind: u32, data: &[u8]| {
        let padding = vec![0; data.len().next_multiple_of(8) - data.len()];
        [kind.to_le_bytes().as_slice(), &(data.len() as u32).to_le_bytes(), data, &padding].concat()
    };
    let mut array = element(6, &[class, 0, 0, 0, 0, 0, 0, 0]);
    // An opaque object has no dimensions.
    if class != 17 {
        array.extend(element(5, &[1, 0, 0, 0, 1, 0, 0, 0]));
    }
    for text in texts {
        array.extend(element(1, text.as_bytes()));
    }
    let mut out = b"MATLAB 5.0 MAT-file, made by hand".to_vec();
    out.resize(124, b' ');
    out.extend([0, 1, b'I', b'M']);
    out.extend(element(14, &array));
    out
}

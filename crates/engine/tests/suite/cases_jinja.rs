//! Chat templates: CVE-2024-34359 in every form and place, and templates of good models.
//!
//! What the attacks would run prints a line, and none of them is ever rendered here.

use super::build::{model_with_template, plain};
use super::{Case, dangerous, harmless, incomplete, untrusted};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = attacks();
    cases.extend(hidden_names());
    cases.extend(carriers());
    cases.extend(good());
    cases
}

const TEMPLATE: &str = "chat_template.jinja";

/// What reaches out by itself.
fn attacks() -> Vec<Case> {
    let attack = |name: &str, says: &str, template: &'static str| {
        dangerous(25, name, says, TEMPLATE, || template.as_bytes().to_vec())
    };
    vec![
        attack(
            "cycler-globals",
            "cycler.__init__.__globals__.os.popen('echo x').read()  call  method.popen(\"echo x\")",
            "{{ cycler.__init__.__globals__.os.popen('echo x').read() }}",
        ),
        attack(
            "subclasses",
            "attribute.__subclasses__",
            "{% for c in ().__class__.__base__.__subclasses__() %}{% if c.__name__ == '_wrap_close' %}\
             {{ c.__init__.__globals__['popen']('echo x').read() }}{% endif %}{% endfor %}",
        ),
        attack(
            "undefined-builtins",
            "attribute.__builtins__",
            "{{ foo.__init__.__globals__.__builtins__.__import__('os').popen('echo x').read() }}",
        ),
        attack(
            "generator-frame",
            "attribute.gi_frame",
            "{{ ((1,)|map('string')).gi_frame.f_builtins['eval']('1') }}",
        ),
        attack(
            "self-context",
            "_TemplateReference__context",
            "{{ self._TemplateReference__context.cycler.next }}",
        ),
        attack("type-mro", "attribute.mro", "{{ cycler.mro()[1] }}"),
        attack("attr-filter", "attribute.__globals__", "{{ lipsum|attr('__globals__')|attr('get')('os') }}"),
        attack(
            "attr-of-the-conversation",
            "computed.attribute",
            "{{ (lipsum|attr(messages[0].content)).os }}",
        ),
        attack("item-of-the-conversation", "computed.item of an object", "{{ lipsum[messages[0].content] }}"),
        attack(
            "request-attr",
            "attribute.__init__",
            "{{ request|attr('application')|attr('\\x5f_init__') }}",
        ),
        attack(
            "map-attribute",
            "attribute.__globals__",
            "{{ [lipsum]|map(attribute='__globals__.os')|first }}",
        ),
        attack("map-attr", "attribute.__globals__", "{{ [lipsum]|map('attr', '__globals__')|first }}"),
        attack("groupby", "attribute.__globals__", "{{ [lipsum]|groupby('__globals__.__name__') }}"),
        attack("format-field", "attribute.__globals__", "{{ '{0.__globals__[os].environ}'.format(lipsum) }}"),
        attack(
            "format-map-field",
            "attribute.__globals__",
            "{{ '{x.__globals__[os]}'.format_map({'x': lipsum}) }}",
        ),
        attack("format-by-attr", "attribute.__globals__", "{{ ('{0.__globals__}'|attr('format'))(lipsum) }}"),
        attack(
            "in-a-condition",
            "attribute.__globals__",
            "{% if lipsum.__globals__.os.getpid() %}x{% endif %}",
        ),
        attack(
            "in-a-default",
            "attribute.__globals__",
            "{% macro m(x=lipsum.__globals__) %}{% endmacro %}{{ m() }}",
        ),
        attack(
            "in-the-name-of-an-include",
            "attribute.__globals__",
            "{% include lipsum.__globals__ ignore missing %}",
        ),
        attack("after-a-thousand-lines", "line 1001", {
            static LONG: std::sync::LazyLock<String> =
                std::sync::LazyLock::new(|| "{{ bos_token }}\n".repeat(1000) + "{{ x.__class__ }}");
            &LONG
        }),
        untrusted(25, "include", "tag.include", TEMPLATE, || b"{% include 'other.jinja' %}".to_vec()),
        dangerous(25, "include-elsewhere", "../../etc/passwd", TEMPLATE, || {
            b"{% include '../../etc/passwd' %}".to_vec()
        }),
        untrusted(25, "object-of-a-framework", "variable.request", TEMPLATE, || {
            b"{{ request.headers }}".to_vec()
        }),
        untrusted(25, "format-under-another-name", "computed.call", TEMPLATE, || {
            b"{% set f = '{0.__globals__}'.format %}{{ f(lipsum) }}".to_vec()
        }),
        untrusted(25, "unheard-of-filter", "filter.run_command", TEMPLATE, || {
            b"{{ 'echo x'|run_command }}".to_vec()
        }),
        untrusted(25, "unheard-of-function", "function.fetch_url", TEMPLATE, || {
            b"{{ fetch_url('x') }}".to_vec()
        }),
        incomplete(25, "no-template", "a string does not end", TEMPLATE, || b"{{ x['__cla }}".to_vec()),
    ]
}

/// Names that are put together.
fn hidden_names() -> Vec<Case> {
    let hides = |name: &str, says: &str, key: &str| {
        let template = if key.contains("KEY") {
            key.replace("KEY", "lipsum")
        } else {
            format!("{{{{ lipsum[{key}].os }}}}")
        };
        dangerous(25, &format!("key-by-{name}"), says, TEMPLATE, move || template.clone().into_bytes())
    };
    let globals = "attribute.__globals__";
    let mut cases: Vec<Case> = [
        ("hexadecimal", r"'\x5f\x5fglobals\x5f\x5f'"),
        ("octal", r"'\137\137globals__'"),
        ("unicode", r"'\u005f\U0000005fglobals__'"),
        ("name-of-a-character", r"'\N{LOW LINE}_globals__'"),
        ("adjacent-strings", "'__glo' 'bals__'"),
        ("tilde", "'__glo' ~ 'bals__'"),
        ("plus", "'__glo' + 'bals__'"),
        ("times", "'_' * 2 ~ 'globals' ~ '_' * 2"),
        ("join", "['__glo', 'bals__']|join"),
        ("method-join", "''.join(['__glo', 'bals__'])"),
        ("percent", "'%sglobals%s' % ('__', '__')"),
        ("percent-codes", "'%c%cglobals__'|format(95, 95)"),
        ("star-codes", "'%c%cglobals%c%c'|format(*[95, 95, 95, 95])"),
        ("braces", "'{0}{0}globals__'.format('_')"),
        ("braces-codes", "'{:c}{:c}globals__'.format(95, 95)"),
        ("replace", "'||globals||'|replace('|', '_')"),
        ("method-replace", "'xxglobalsxx'.replace('x', '_')"),
        ("reverse", "'__slabolg__'|reverse"),
        ("slice", "'__slabolg__'[::-1]"),
        ("lower", "'__GLOBALS__'|lower"),
        ("names-of-arguments", "dict(__glo=a, bals__=a)|join"),
        ("first-key", "dict(__globals__=1)|first"),
        ("split", "'a,__globals__'.split(',')[1]"),
        ("either", "x or '__globals__'"),
        ("condition", "'__globals__' if x else 'role'"),
        ("undefined-and-text", "nothing ~ '__globals__'"),
        ("map-lower", "['__GLO', 'BALS__']|map('lower')|join"),
        ("time", "strftime_now('__globals__')"),
    ]
    .into_iter()
    .map(|(name, key)| hides(name, globals, key))
    .collect();
    let object = "computed.item of an object";
    cases.extend([
        hides("printed-function", object, "(lipsum|string|list)[18] ~ '_globals__'"),
        hides("centring", object, "'globals'.center(11, '_')"),
        hides("special-token", object, "bos_token"),
        hides("set", globals, "{% set a = '__glo' %}{% set b = a ~ 'bals__' %}{{ KEY[b] }}"),
        hides("block", globals, "{% set a %}__globals__{% endset %}{{ KEY[a] }}"),
        hides("filtered-block", globals, "{% set a | replace('x', '_') %}xxglobalsxx{% endset %}{{ KEY[a] }}"),
        hides("macro", globals, "{% macro u() %}__{% endmacro %}{{ KEY[u() ~ 'globals' ~ u()] }}"),
        hides("argument", globals, "{% macro g(o, n) %}{{ o[n] }}{% endmacro %}{{ g(KEY, '__globals__') }}"),
        hides("caller", globals, "{% macro g() %}{{ KEY[caller()] }}{% endmacro %}{% call g() %}__globals__{% endcall %}"),
        hides("loop", globals, "{% set n = namespace(s='') %}{% for c in ['__glo', 'bals__'] %}{% set n.s = n.s ~ c %}{% endfor %}{{ KEY[n.s] }}"),
        hides("loop-over-codes", object, "{% set n = namespace(s='') %}{% for c in [95, 95, 103, 108, 111, 98, 97, 108, 115, 95, 95] %}{% set n.s = n.s ~ '%c' % c %}{% endfor %}{{ KEY[n.s] }}"),
        hides("items", globals, "{% for k, v in {'a': '__globals__'}.items() %}{{ KEY[v] }}{% endfor %}"),
        hides("append", globals, "{% set l = [] %}{% set _ = l.append('__globals__') %}{{ KEY[l[0]] }}"),
        hides(
            "namespace-of-a-mapping",
            globals,
            "{% set n = namespace(**{'a': '__globals__'}) %}{{ KEY[n.a] }}",
        ),
        hides(
            "call-back",
            globals,
            "{% macro m() %}{{ caller('__globals__') }}{% endmacro %}{% call(n) m() %}{{ KEY[n] }}{% endcall %}",
        ),
        hides(
            "recursive-loop",
            globals,
            "{% for k in y recursive %}{{ KEY[k] }}{{ loop(['__globals__']) }}{% endfor %}",
        ),
        hides("branch", globals, "{% set k = 'role' %}{% if x %}{% set k = '__globals__' %}{% endif %}{{ KEY[k] }}"),
    ]);
    cases
}

const ATTACK: &str = "{% for m in messages %}{{ m.content }}{% endfor %}{{ ''.__class__.__mro__ }}";

/// Files in which templates come.
fn carriers() -> Vec<Case> {
    let json = |key: &str| format!(r#"{{"model_max_length": 2048, "chat_template": {key}}}"#).into_bytes();
    let named = format!(
        r#"[{{"name": "default", "template": "x"}}, {{"name": "tool_use", "template": "{ATTACK}"}}]"#
    );
    let text = format!("\"{ATTACK}\"");
    let (first, second, third) = (json(&text), json(&text), json(&text));
    let (list, escaped) = (json(&named), json(&text.replace('_', "\\u005f")));
    let twice = format!(r#"{{"chat_template": {text}, "chat_template": "x"}}"#).into_bytes();
    vec![
        dangerous(25, "in-gguf", "attribute.__class__", "model.gguf", || model_with_template(ATTACK).bytes()),
        dangerous(25, "in-gguf-under-a-name", "tokenizer.chat_template.tool_use", "model.gguf", || {
            model_with_template("{{ x }}").string("tokenizer.chat_template.tool_use", ATTACK).bytes()
        }),
        dangerous(25, "in-gguf-twice", "attribute.__class__", "model.gguf", || {
            model_with_template("{{ x }}").string("tokenizer.chat_template", ATTACK).bytes()
        }),
        dangerous(25, "in-gguf-of-another-name", "attribute.__class__", "weights.bin", || {
            model_with_template(ATTACK).bytes()
        }),
        dangerous(25, "in-tokenizer-config", "attribute.__class__", "tokenizer_config.json", move || {
            first.clone()
        }),
        dangerous(
            25,
            "in-tokenizer-config-escaped",
            "attribute.__class__",
            "tokenizer_config.json",
            move || escaped.clone(),
        ),
        dangerous(
            25,
            "in-tokenizer-config-list",
            "chat_template.tool_use",
            "tokenizer_config.json",
            move || list.clone(),
        ),
        dangerous(
            25,
            "in-tokenizer-config-twice",
            "attribute.__class__",
            "tokenizer_config.json",
            move || twice.clone(),
        ),
        dangerous(25, "in-processor-config", "attribute.__class__", "processor_config.json", move || {
            second.clone()
        }),
        dangerous(25, "in-chat-template-json", "attribute.__class__", "chat_template.json", move || {
            third.clone()
        }),
        dangerous(
            25,
            "among-additional-templates",
            "attribute.__class__",
            "additional_chat_templates/rag.jinja",
            || ATTACK.as_bytes().to_vec(),
        ),
    ]
}

/// Calls tools, thinks, counts and complains, as templates of current models do.
const TOOLS: &str = r#"{#- A template with tools. -#}
{%- macro render_type(p) -%}
    {%- set names = {'string': 'str', 'number': 'float', 'boolean': 'bool'} -%}
    {%- if p.type is string and p.type in names -%}{{ names[p.type] }}
    {%- elif p.type == 'array' -%}list[{{ render_type(p['items']) }}]
    {%- elif p.type is iterable and p.type is not string -%}
        {%- for t in p.type -%}{{ render_type({'type': t}) }}{{ ' | ' if not loop.last }}{%- endfor -%}
    {%- else -%}Any{%- endif -%}
{%- endmacro -%}
{%- set ns = namespace(system='', last_user=-1, first=true, calls=[]) -%}
{%- if messages[0]['role'] == 'system' -%}
    {%- set ns.system = messages[0]['content'] | trim -%}{%- set messages = messages[1:] -%}
{%- endif -%}
{%- for message in messages[::-1] -%}
    {%- set index = (messages | length - 1) - loop.index0 -%}
    {%- if ns.last_user == -1 and message.role == 'user' and message.content is string -%}
        {%- set ns.last_user = index -%}
    {%- endif -%}
{%- endfor -%}
{{- bos_token -}}
{%- if tools is defined and tools -%}
<|tools|>
    {%- for tool in tools -%}
        {%- set function = tool.function | default(tool) -%}
        {{- '\n' ~ function.name ~ '(' -}}
        {%- for name, p in function.parameters.properties.items() -%}
            {{- name ~ ': ' ~ render_type(p) -}}
            {%- if name not in function.parameters.required | default([]) -%}{{- ' = None' -}}{%- endif -%}
            {{- ', ' if not loop.last -}}
        {%- endfor -%}
        {{- ') # ' ~ function.description | replace('_', ' ') -}}
    {%- endfor -%}
{%- endif -%}
{%- for message in messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) and not message.tool_calls -%}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') -}}
    {%- endif -%}
    {%- if message.content is string -%}
        {%- set content = message.content.split('</think>')[-1].lstrip('\n') -%}
    {%- else -%}
        {%- set content = message.content | selectattr('type', 'equalto', 'text') | map(attribute='text') | join('\n') -%}
    {%- endif -%}
    {%- generation -%}{{- '<|' ~ message['role'] ~ '|>' ~ content ~ eos_token -}}{%- endgeneration -%}
    {%- for call in message.tool_calls or [] -%}
        {%- set _ = ns.calls.append(call.function.name) -%}
        {{- {'name': call['function']['name'], 'arguments': call.function.arguments} | tojson(indent=2) -}}
    {%- endfor -%}
    {%- if message.role == 'tool' -%}{{- ns.calls[-1] ~ messages[loop.index0 - 1]['tool_calls'][0].id -}}{%- endif -%}
    {%- if loop.index0 > ns.last_user -%}{%- break -%}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' ~ strftime_now('%d %b %Y') -}}{%- endif -%}
"#;

fn good() -> Vec<Case> {
    let fine =
        |name: &str, template: &'static str| harmless(25, name, TEMPLATE, || template.as_bytes().to_vec());
    // Rust and JSON write a text of ASCII the same way.
    let json = format!(r#"{{"bos_token": "<s>", "chat_template": {TOOLS:?}}}"#).into_bytes();
    vec![
        fine("tools", TOOLS),
        harmless(25, "tools-in-gguf", "model.gguf", || model_with_template(TOOLS).bytes()),
        harmless(25, "tools-in-tokenizer-config", "tokenizer_config.json", move || json.clone()),
        harmless(25, "no-template-at-all", "tokenizer_config.json", || {
            br#"{"model_max_length": 1000000000000000019884624838656, "tokenizer_class": "PreTrainedTokenizerFast"}"#.to_vec()
        }),
        fine(
            "chatml",
            "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}\
             {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        ),
        fine(
            "text-that-names-attributes",
            "{{ 'call obj.__class__ with __init__' }}{% if '__globals__' in x %}{% endif %}",
        ),
        fine(
            "attributes-in-raw-text",
            "{% raw %}{{ x.__class__ }}{% endraw %}{# {{ x.__class__ }} #}{ x.__class__ }",
        ),
        fine(
            "own-keys-with-underscores",
            "{{ {'__default__': 'x'}['__default__'] }}{% set n = namespace(_i=0) %}{{ n._i }}",
        ),
        fine(
            "keys-from-parts",
            "{% for i in range(3) %}{{ message['image_' ~ i] }}{{ m['x' + y|string] }}{% endfor %}",
        ),
        fine("formatted-text", "{{ '%s: %s'|format(m.role, m.content) }}{{ '{}-{x}'.format(a, x=b) }}"),
        fine(
            "names-with-underscores-replaced",
            "{{ map[tool.name.replace('_', '-')] }}{{ d[(k|string).split('.')[0]] }}",
        ),
        harmless(25, "template-of-a-web-page", "model.pkl", plain)
            .beside("templates/index.jinja", || b"{{ request.__class__ }}".to_vec()),
    ]
}

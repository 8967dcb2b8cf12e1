//! Jinja templates: what is looked up behind the values, and what is not.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::{Read, read, read_as};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        ordinary_templates_look_nothing_up,
        names_are_put_together,
        every_part_of_a_template_is_looked_into,
        what_cannot_be_followed_is_told,
        what_is_used_is_told,
        methods_and_loads_carry_their_arguments,
        what_does_not_parse_is_told_with_what_came_before,
        deep_and_large_templates_end,
        claims,
        configurations_hand_their_templates_out,
    ]
}

/// A template with most of what there is.
pub(crate) const SEED: &str = "{%- macro m(a, b='x') -%}{{ a ~ b|upper }}{%- endmacro -%}{# c #}\
    {% set ns = namespace(i=0) %}{% for k, v in x.items() if v is defined recursive %}{% set ns.i = ns.i + 1 %}\
    {{- loop.cycle('a', \"b\\x5f\") if not v else v[1:][0].y|map(attribute='z')|list -}}{% break %}{% else %}{% endfor %}\
    {% call(q) m(1, *l, b={'k': (1.5, [2])}, **d) %}{% raw %}{{ }}{% endraw %}{% endcall %}{% set t %}u{% endset %}\
    {% filter replace('a', 'b') %}a{% endfilter %}{% include ['p', q] ignore missing %}{% generation %}{% endgeneration %}";

/// What leads behind the values: `attribute.__class__`, `computed.item`.
fn hidden(read: &Read) -> Vec<String> {
    let mut found: Vec<String> = read
        .facts
        .iter()
        .filter_map(|fact| {
            let effect = fact.split_once("effect: ")?.1.split(" at ").next()?;
            let domain = effect.split('.').next()?;
            ["attribute", "computed", "private", "variable"].contains(&domain).then(|| effect.to_owned())
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[track_caller]
fn looks_up(template: &str, expected: &[&str]) {
    let read = read("jinja", template.as_bytes());
    assert_eq!(hidden(&read), expected, "{template}: {:#?}", read.facts);
}

fn ordinary_templates_look_nothing_up() {
    for template in [
        "",
        "plain text with { braces } and a % sign",
        "{{ bos_token }}{% for message in messages %}{{ message['role'] ~ ': ' ~ message.content|trim }}{% endfor %}",
        "{{ messages[loop.index0 - 1]['role'] }}{{ message['content'][0]['text'] }}{{ tools[i][key] }}",
        "{% set messages = messages[1:] %}{% for m in messages %}{{ {'user': 'U', 'tool': 'T'}[m.role] }}{% endfor %}",
        "{% set ns = namespace(i=0, last='') %}{% for m in messages %}{% set ns.i = ns.i + 1 %}{{ messages[ns.i].role }}\
         {% set ns.last = ns.last ~ m.role %}{% endfor %}{{ ns.last }}",
        "{% macro kind(p) %}{% set names = {'string': 'str'} %}{{ names[p.type] }}{% for t in p.type %}{{ kind({'type': t}) }}\
         {% endfor %}{% endmacro %}{{ kind(tool.parameters) }}",
        "{% set keys = ['description', 'type'] %}{% for k in keys %}{{ tool[k] }}{{ tool['x_' ~ k] }}{% endfor %}",
        "{{ '__class__' }}{{ '<|__start__|>' ~ x }}{% if '__init__' in x %}{% endif %}{{ x == '__globals__' }}",
        "{{ {'__default__': 1}['__default__'] }}{% set ns = namespace(_first=true) %}{{ ns._first }}",
        "{{ x|map(attribute='role')|join(', ') }}{{ x|selectattr('role', 'equalto', 'user')|list|length }}",
        "{{ x|attr('content') }}{{ '%s: %s'|format(role, content) }}{{ '{} and {name}'.format(a, name=b) }}",
        "{% raw %}{{ x.__class__ }}{% endraw %}{# {{ x.__class__ }} #}",
        "{{ strftime_now('%d %b %Y') }}{{ raise_exception('roles must alternate') }}",
        "{% set parts = content.split('</think>') %}{{ parts[-1].lstrip('\\n') }}{{ parts[parts|length - 1] }}",
        "{% for k, v in tool.function.parameters.properties|items %}{{ k }}{{ v[k] }}{% endfor %}",
        "{% set out = [] %}{% set _ = out.append(message.role) %}{{ roles[out[0]] }}{{ out[-1][:-1] }}",
        "{% generation %}{{ message['content'] }}{% endgeneration %}{% if x is none or not y %}{% endif %}",
        "{{ tool.name.replace('_', '-') }}{{ content.split('_')[0] }}",
    ] {
        looks_up(template, &[]);
    }
}

fn names_are_put_together() {
    for key in [
        r"'\x5f\x5fclass\x5f\x5f'",
        r"'\137_class__'",
        r"'\u005f_class__'",
        r"'\N{LOW LINE}_class__'",
        "'__cla' 'ss__'",
        "'__cla' ~ 'ss__'",
        "'__cla' + 'ss__'",
        "['__cla', 'ss__']|join",
        "''.join(['__cla', 'ss__'])",
        "'%sclass%s'|format('__', '__')",
        "'%c%cclass__' % (95, 95)",
        "'%c%cclass%c%c'|format(*[95, 95, 95, 95])",
        "'{0}{0}class__'.format('_')",
        "'{:c}{:c}class__'.format(95, 95)",
        "'||class||'|replace('|', '_')",
        "'xxclassxx'.replace('x', '_')",
        "'__ssalc__'|reverse",
        "'__ssalc__'[::-1]",
        "'__CLASS__'|lower",
        "'_' * 2 ~ 'class' ~ '_' * 2",
        "dict(__cla=a, ss__=a)|join",
        "(dict(__class__=1)|list)[0]",
        "dict(__class__=1)|first",
        "'__class__' if x else 'role'",
        "x or '__class__'",
        "x|default('__class__')",
        "' __class__ '|trim",
        "'x__class__'.lstrip('x')",
        "'a,__class__'.split(',')[1]",
        "nothing ~ '__class__'",
        "['__CLA', 'SS__']|map('lower')|join",
        "strftime_now('__class__')",
        "loop.cycle('__class__')|string or '__class__'",
        "{'a': '__class__'}.get('a')",
        "['__class__'].pop()",
        "['__class__']|max",
        "['__class__'][n]",
        "{'a': '__class__'}[n]",
        "'__class__'|wordwrap(9)",
    ] {
        let read = read("jinja", format!("{{{{ x[{key}] }}}}").as_bytes());
        assert!(hidden(&read).contains(&"attribute.__class__".to_owned()), "{key}: {:#?}", read.facts);
    }
    for template in [
        "{% set a = '__cla' %}{% set b = 'ss__' %}{{ x[a ~ b] }}",
        "{% set a, b = '__cla', 'ss__' %}{{ x[a ~ b] }}",
        "{% set a %}__class__{% endset %}{{ x[a] }}",
        "{% set a | replace('x', '_') %}xxclassxx{% endset %}{{ x[a] }}",
        "{% macro u() %}__{% endmacro %}{{ x[u() ~ 'class' ~ u()] }}",
        "{% macro g(o, n) %}{{ o[n] }}{% endmacro %}{{ g(x, n='__class__') }}",
        "{% macro g() %}{{ x[caller()] }}{% endmacro %}{% call g() %}__class__{% endcall %}",
        "{% set ns = namespace(s='') %}{% for c in ['__cla', 'ss__'] %}{% set ns.s = ns.s ~ c %}{% endfor %}{{ x[ns.s] }}",
        "{% for k, v in {'a': '__class__'}.items() %}{{ x[v] }}{% endfor %}",
        "{% set k = 'role' %}{% if y %}{% set k = '__class__' %}{% endif %}{{ x[k] }}",
        "{% set l = [] %}{% set _ = l.append('__class__') %}{{ x[l[0]] }}",
        "{% with k = '__class__' %}{{ x[k] }}{% endwith %}",
        "{% set ns = namespace(**{'a': '__class__'}) %}{{ x[ns.a] }}",
        "{% set ns = namespace({'a': '__class__'}) %}{{ x[ns['a']] }}",
        "{% macro m() %}{{ caller('__class__') }}{% endmacro %}{% call(n) m() %}{{ x[n] }}{% endcall %}",
        "{% for k in y recursive %}{{ x[k] }}{{ loop(['__class__']) }}{% endfor %}",
        "{{ x|map(**{'attribute': '__class__'})|list }}",
        "{{ x|map(*['attr', '__class__'])|list }}",
        "{% set b = a %}{% set a = '__class__' %}{% for i in y %}{{ x[b] }}{% set b = a %}{% endfor %}",
        "{{ x|attr('__class__') }}",
        "{{ x|map(attribute='a.__class__')|list }}",
        "{{ x|map('attr', '__class__')|list }}",
        "{{ x|groupby('__class__') }}",
        "{{ x|sort(attribute='a,__class__') }}",
        "{{ x|sum('__class__') }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ '{x[__class__]}'.format_map(y) }}",
        "{{ x.__class__ }}",
        "{{ x . __class__ }}",
        "{{ __class__ }}",
    ] {
        let read = read("jinja", template.as_bytes());
        assert!(hidden(&read).contains(&"attribute.__class__".to_owned()), "{template}: {:#?}", read.facts);
    }
}

fn every_part_of_a_template_is_looked_into() {
    for template in [
        "{% if @ %}{% endif %}",
        "{% if x %}{% elif @ %}{% endif %}",
        "{% for a in @ %}{% endfor %}",
        "{% for a in b if @ %}{% endfor %}",
        "{% for a in b %}{% else %}{{ @ }}{% endfor %}",
        "{% set x = @ %}",
        "{% set x %}{{ @ }}{% endset %}",
        "{% set x | default(@) %}{% endset %}",
        "{% macro m(a=@) %}{% endmacro %}",
        "{% macro m() %}{{ @ }}{% endmacro %}",
        "{% call m(@) %}{% endcall %}",
        "{% call(a=@) m() %}{% endcall %}",
        "{% filter default(@) %}{% endfilter %}",
        "{% with a = @ %}{% endwith %}",
        "{% block b %}{{ @ }}{% endblock b %}",
        "{% generation %}{{ @ }}{% endgeneration %}",
        "{% autoescape @ %}{% endautoescape %}",
        "{% print @ %}",
        "{% do @ %}",
        "{% include @ ignore missing %}",
        "{% import @ as a with context %}",
        "{% from @ import a, b as c %}",
        "{% extends @ %}",
        "{{ -@ }}",
        "{{ not @ }}",
        "{{ a and @ }}",
        "{{ a in @ }}",
        "{{ a < @ }}",
        "{{ a ~ @ }}",
        "{{ a ** @ }}",
        "{{ a if @ else b }}",
        "{{ [a, @] }}",
        "{{ {@: 1} }}",
        "{{ {'a': @} }}",
        "{{ f(@) }}",
        "{{ f(a=@) }}",
        "{{ f(*@) }}",
        "{{ f(**@) }}",
        "{{ a[@] }}",
        "{{ a[:@] }}",
        "{{ a|default(@) }}",
        "{{ a is eq(@) }}",
        "{{ a is sameas @ }}",
        "{{- @ -}}",
    ] {
        let template = template.replace('@', "x.__globals__");
        let read = read("jinja", template.as_bytes());
        assert!(hidden(&read).contains(&"attribute.__globals__".to_owned()), "{template}: {:#?}", read.facts);
        assert!(!read.facts.iter().any(|fact| fact.contains("unread")), "{template}: {:#?}", read.facts);
    }
}

fn what_cannot_be_followed_is_told() {
    for (template, expected) in [
        // The letters of what is printed for a function.
        ("{{ x[(lipsum|string|list)[18]] }}", "computed.item"),
        ("{{ x['globals'.center(11, '_')] }}", "computed.item"),
        ("{{ x['%s'|format(y)|tojson] }}", "computed.item"),
        // Whoever made the model chose its special tokens.
        ("{{ x[bos_token] }}", "computed.item"),
        ("{% set f = '{0.__class__}'.format %}{{ f(x) }}", "computed.call"),
        ("{% set n = namespace %}{% set n = n(a='__class__') %}{{ x[n.a] }}", "computed.item"),
        ("{% set j = ''.join %}{{ x[j(['__cla', 'ss__'])] }}", "computed.item"),
        ("{{ x|attr(y) }}", "computed.attribute"),
        ("{{ x|attr(bos_token) }}", "computed.attribute"),
        ("{{ x|map(y)|list }}", "computed.filter"),
        ("{{ lipsum[messages[0].content] }}", "computed.item of an object"),
        ("{{ (('%s' ~ bos_token)).format(x) }}", "computed.format"),
        ("{{ request.args }}", "variable.request"),
        ("{{ config.items() }}", "variable.config"),
        ("{{ self._TemplateReference__context }}", "attribute._TemplateReference__context"),
        ("{{ (x|map('upper')).gi_frame }}", "attribute.gi_frame"),
        ("{{ x.mro() }}", "attribute.mro"),
        ("{{ message._meta }}", "private._meta"),
        ("{{ undefined_thing._fail_with_undefined_error }}", "attribute._fail_with_undefined_error"),
    ] {
        let read = read("jinja", template.as_bytes());
        assert!(hidden(&read).contains(&expected.to_owned()), "{template}: {:#?}", read.facts);
    }
}

fn what_is_used_is_told() {
    let read = read("jinja", SEED.as_bytes());
    for used in [
        "effect: filter.upper",
        "effect: filter.map",
        "effect: filter.replace",
        "effect: function.namespace",
        "effect: method.items",
        "effect: test.defined",
        "effect: tag.include",
        "effect: read p at include",
    ] {
        read.says(used);
    }
    assert!(!read.facts.iter().any(|fact| fact.contains("unread")), "{:#?}", read.facts);
    // Each is told once, where it occurs first.
    let twice = crate::read::read("jinja", b"{{ a|trim }}\n{{ b|trim }}");
    assert_eq!(twice.facts.len(), 2);
    assert_eq!(twice.facts[1], "line 1: effect: filter.trim at a|trim");
}

fn methods_and_loads_carry_their_arguments() {
    let attack = "{{ a }}\n{{ cycler.__init__.__globals__.os.popen('id').read() }}";
    let read_attack = read("jinja", attack.as_bytes());
    let whole = "cycler.__init__.__globals__.os.popen('id').read()";
    let told = ["attribute.__init__", "attribute.__globals__", "method.popen(\"id\")", "method.read"];
    let told: Vec<String> =
        told.iter().map(|effect| format!("line 2: effect: {effect} at {whole}")).collect();
    assert_eq!(read_attack.facts[1..], told);
    let load = read("jinja", b"{% include '../' ~ 'secret' %}{% extends ['a', 'b'] %}{% import x as y %}");
    for path in ["../secret", "a", "b"] {
        load.says(&format!("effect: read {path} at "));
    }
    load.says("effect: tag.import(?) at import x as y");
}

fn what_does_not_parse_is_told_with_what_came_before() {
    for (template, told) in [
        ("{{ x.__class__ }}\n{% if %}", "line 2: unread: malformed: an expression is missing"),
        ("{{ x.__class__ }}{{ 'abc", "line 1: unread: malformed: a string does not end"),
        ("{{ x.__class__ }}{% unheard %}", "line 1: unread: malformed: the tag `unheard` is not known"),
        ("{{ x.__class__ }}{% for a in b %}", "line 1: unread: malformed: `else` or `endfor` is missing"),
        ("{{ x.__class__ }}{% endif %}", "line 1: unread: malformed: the tag `endif` is not known"),
        (
            "{{ x.__class__ }}{{ a b }}",
            "line 1: unread: malformed: the expression does not end where it should",
        ),
    ] {
        let read = read("jinja", template.as_bytes());
        read.says(told);
        assert_eq!(hidden(&read), ["attribute.__class__"], "{template}");
    }
    let read = read("jinja", b"{{ x.__class__ }}\xff");
    read.says("17: unread: malformed: no UTF-8");
    assert_eq!(hidden(&read), ["attribute.__class__"]);
}

fn deep_and_large_templates_end() {
    for (template, told) in [
        ("{{ ".to_owned() + &"(".repeat(100_000), "nested deeper than 120 levels"),
        ("{{ ".to_owned() + &"[".repeat(100_000), "nested deeper than 120 levels"),
        ("{{ ".to_owned() + &"-".repeat(100_000), "nested deeper than 120 levels"),
        ("{% if x %}".repeat(50_000), "nested deeper than 120 levels"),
        ("x".repeat(2 << 20), "ended: more than 1048576 bytes of a text file"),
    ] {
        let read = read("jinja", template.as_bytes());
        // What a broken token cuts off is told first.
        let found = read.facts.iter().any(|fact| fact.contains(told) || fact.contains("ends inside a tag"));
        assert!(found, "{told}: {:?}", read.facts);
    }
    let chain = format!("{{{{ x{} }}}}", ".a".repeat(100_000));
    assert_eq!(read("jinja", chain.as_bytes()).facts, ["format jinja"]);
    // Values that grow with every step.
    let lists: String =
        (1..200).map(|n| format!("{{% set a{n} = [{}] %}}", format!("a{},", n - 1).repeat(50))).collect();
    read("jinja", lists.as_bytes()).says("format jinja");
    let grows = format!("{{% set s = '_' %}}{}{{{{ x[s] }}}}", "{% set s = s ~ s %}".repeat(1000));
    assert!(hidden(&read("jinja", grows.as_bytes())).contains(&"computed.item".to_owned()));
}

fn claims() {
    let claim = |path: &str| {
        weighbridge_read::reader("jinja").unwrap().claims(&Hint { path, size: 10, head: b"{{ x }}" })
    };
    for (path, expected) in [
        ("chat_template.jinja", Claim::ByName),
        ("m/tool_chat_template_hermes.jinja", Claim::ByName),
        ("m/additional_chat_templates/tool_use.jinja", Claim::ByName),
        ("chat_template.j2", Claim::ByName),
        // Of web pages and code generators.
        ("site/templates/index.jinja", Claim::No),
        ("chat_templates/readme.md", Claim::No),
        ("README.jinja", Claim::No),
    ] {
        assert_eq!(claim(path), expected, "{path}");
    }
}

fn configurations_hand_their_templates_out() {
    let templates = |json: &str| {
        let read = read_as("hub-templates", "tokenizer_config.json", json.as_bytes());
        assert!(read.children.iter().all(|(_, reader, _)| *reader == Some("jinja")));
        let texts = read.children.into_iter().map(|(step, _, text)| (step, String::from_utf8(text).unwrap()));
        (texts.collect::<Vec<_>>(), read.facts)
    };
    let named = |found: &[(&str, &str)]| -> Vec<(String, String)> {
        found.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    for (json, expected) in [
        (r#"{"model_max_length": 1e30, "chat_template": "{{ x }}"}"#, &[("chat_template", "{{ x }}")][..]),
        (r#"{"added_tokens_decoder": {"0": {"content": "x"}}}"#, &[]),
        (r#"{"chat_template": null}"#, &[]),
        (r#"{"config": {"chat_template": "{{ x }}"}}"#, &[]),
        (
            r#"{"chat_template": [{"name": "default", "template": "a"}, {"template": "b", "name": "tool_use"}]}"#,
            &[("chat_template.default", "a"), ("chat_template.tool_use", "b")],
        ),
        (
            r#"{"chat_template": {"default": "a", "rag": "b"}}"#,
            &[("chat_template.default", "a"), ("chat_template.rag", "b")],
        ),
        (r#"{"chat_template": "\u007b\u007b x }}"}"#, &[("chat_template", "{{ x }}")]),
        ("[1, 2]", &[]),
    ] {
        assert_eq!(templates(json), (named(expected), Vec::new()), "{json}");
    }
    let (found, facts) = templates(r#"{"chat_template": "a", "chat_template": "b"}"#);
    assert_eq!(found, named(&[("chat_template", "a"), ("chat_template", "b")]));
    assert_eq!(facts, ["line 1: malformed: `chat_template` stands 2 times in one object"]);
    let (_, facts) = templates(r#"{"chat_template": "#);
    assert!(facts[0].starts_with("ended: malformed: no JSON"), "{facts:?}");
}

/// Files that break editors: each with an `endpoints` list whose second entry has `priority: 2`.
enum Corpus {
    static let files: [(name: String, text: String)] = [
        ("plain", "endpoints:\n  - name: a\n    priority: 1\n  - name: b\n    priority: 2\n"),
        ("column 0", "endpoints:\n- name: a\n  priority: 1\n- name: b\n  priority: 2\nlast: 1\n"),
        ("no newline at the end", "endpoints:\n  - name: a\n    priority: 1\n  - name: b\n    priority: 2"),
        ("comment without newline", "endpoints:\n  - name: a\n  - name: b\n    priority: 2 # end"),
        ("BOM", "\u{FEFF}# bom\nendpoints:\n  - name: a\n  - name: b\n    priority: 2\n"),
        ("BOM before the first key", "\u{FEFF}endpoints:\n  - name: a\n  - name: b\n    priority: 2\n"),
        ("CRLF", "# c\r\nendpoints:\r\n  - name: a\r\n    priority: 1\r\n\r\n  - name: b\r\n    priority: 2 # x\r\n"),
        ("CR", "endpoints:\r  - name: a\r  - name: b\r    priority: 2\r"),
        ("NEL", "endpoints:\u{85}  - name: a\u{85}  - name: b\u{85}    priority: 2\u{85}"),
        ("LS and PS", "endpoints:\u{2028}  - name: a\u{2029}  - name: b\u{2028}    priority: 2\u{2029}"),
        ("mixed breaks", "endpoints:\r\n  - name: a\n    x: 1\r  - name: b\u{85}    priority: 2\u{2028}z: 1\n"),
        ("tabs", "endpoints:\t# tab\n  - name:\ta\t# \tt\n  - name: b\n    priority:\t2\t\t# x\n"),
        (
            "CJK",
            "# 配置 🚀\nendpoints:\n  - name: 日本語 # 注釈\n    x: \"🚀🚀\"\n  - name: b\n    note: é\n    priority: 2 # ✓\n"
        ),
        ("quoted keys", "\"endpoints\":\n  - \"name\": 'a'\n  - 'name': \"b\"\n    \"priority\": 2\n"),
        (
            "comments between",
            "endpoints:\n  # one\n\n  - name: a\n\n  # two\n  - name: b # x\n    # three\n    priority: 2\n# end\n"
        ),
        ("odd indents", "endpoints:\n     -   name: a\n         x: 1\n     -   name: b\n         priority: 2\n"),
        ("dash alone", "endpoints:\n  -\n    name: a\n  - # comment\n\n    # more\n    name: b\n    priority: 2\n"),
        ("markers", "%YAML 1.1\n---\nendpoints:\n  - name: a\n  - name: b\n    priority: 2\n...\n# after\n"),
        ("start marker", "--- # doc\nendpoints:\n  - name: a\n  - name: b\n    priority: 2\n"),
        ("flow entries", "endpoints:\n  - {name: a, priority: 1}\n  - { name: b , priority: 2 , tags: [x, y] } # c\n"),
        ("flow list", "endpoints: [{name: a}, {name: b, priority: 2}]\nz: 1\n"),
        ("flow lines", "endpoints: [\n  {name: a}, # a\n  # b\n  {\n    name: b,\n    priority: 2 # two\n  }\n]\n"),
        ("trailing comma", "endpoints: [\n  {name: a,},\n  {name: b, priority: 2,},\n]\n"),
        ("JSON", "{\"endpoints\":[{\"name\":\"a\",\"priority\":1},{\"name\":\"b\",\"priority\":2}],\"z\":{}}"),
        (
            "JSON lines",
            "{\n  \"endpoints\": [\n    {\n      \"name\": \"a\"\n    },\n    {\n      \"name\": \"b\",\n      \"priority\": 2\n    }\n  ]\n}\n"
        ),
        (
            "literal before",
            "text: |\n  endpoints:\n    - name: no\n\nendpoints:\n  - name: a\n    k: |+\n      x\n\n\n  - name: b\n    priority: 2\n"
        ),
        (
            "literal last",
            "endpoints:\n  - name: a\n  - name: b\n    priority: 2\n    key: |-\n      # not a comment\n      - not an entry\n\n"
        ),
        (
            "folded",
            "endpoints:\n  - name: >-\n      a\n      b\n  - name: b\n    key: >2\n       deep\n\n    priority: 2\n"
        ),
        (
            "multi-line quoted",
            "endpoints:\n  - name: \"a\n# not a comment\n  - no\"\n  - name: 'b\n\n      c'\n    priority: 2\n"
        ),
        (
            "multi-line plain",
            "endpoints:\n  - name: a\n      b\n      c\n  - name: b\n    priority: 2\n    x: one\n      two\n"
        ),
        (
            "empty values",
            "endpoints:\n  - name: a\n    x:\n    y: # none\n  - name: b\n    z:\n    priority: 2\n    w:\n"
        ),
        (
            "nested",
            "endpoints:\n  - name: a\n    h:\n      i:\n        - - 1\n          - 2\n        - j: 3\n  - name: b\n    priority: 2\n    tags:\n    - x\n    - y\n"
        ),
        ("anchors", "d: &d\n  x: 1\nendpoints:\n  - name: a\n    <<: *d\n  - name: b\n    <<: *d\n    priority: 2\n"),
        ("tags", "endpoints: !!seq\n  - !!map\n    name: !!str a\n  - name: b\n    priority: 2\n"),
        ("colons and hashes", "endpoints:\n  - name: a#b\n    u: http://x:1/#y\n  - name: 'b: # c'\n    priority: 2\n"),
    ]

    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
}

internal import PodiumModel
internal import YAMLDocument

extension ConsoleSettings {
    init(_ node: YAMLNode?, sink: DiagnosticSink) {
        self.init()
        let reader = SectionReader(node, title: "console", known: ["keys"], sink: sink)
        guard let keys = reader.node("keys") else { return }
        guard keys.kind == .mapping else {
            // A proxy does not stand still for a key of its console.
            sink.report(
                .warning, at: keys, ValueProblem("keys has to be a mapping", fix: "write flush: W, or flush: [W, F5]"))
            return
        }
        for (command, value) in keys.pairs {
            guard let words = Self.words(value, sink), command.kind == .scalar else { continue }
            self.keys.append(KeySetting(command: .init(command), keys: words))
        }
    }

    private static func words(_ value: YAMLNode, _ sink: DiagnosticSink) -> [KeySetting.Word]? {
        let nodes = value.resolved?.kind == .sequence ? value.resolved?.entries ?? [] : [value]
        var words: [KeySetting.Word] = []
        for node in nodes {
            guard let resolved = node.resolved, resolved.kind == .scalar,
                resolved.style != .plain || resolved.scalar != .null
            else {
                sink.report(
                    .warning, at: node,
                    ValueProblem("a key has to be a text", fix: "quote it, as in \"~\"; write [] for no key at all"))
                return nil
            }
            words.append(.init(resolved))
        }
        return words
    }
}

extension KeySetting.Word {
    fileprivate init(_ node: YAMLNode) {
        self.init(text: node.text, line: node.line, column: node.column)
    }
}

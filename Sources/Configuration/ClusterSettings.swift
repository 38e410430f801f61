internal import PodiumModel
internal import YAMLDocument

/// `cluster:`: the Podiums that this one shares time outs, clears and operators' changes with.
public struct ClusterSettings: Sendable, Equatable {
    /// PostgreSQL's connection string or URL as written, so possibly with `${NAME}`; nil: Podium is alone.
    public var store: String?
    /// `cluster.name`: one store may hold several clusters.
    public var name = "podium"
    /// `cluster.instance`: how the others call this one; nil: as the machine is called.
    public var instance: String?
    /// `cluster.address`: what the others show of where clients reach this one; nil: where it listens.
    public var address: String?

    /// Every setting with its default.
    public init() {}
}

extension ClusterSettings {
    static var table: [Setting<ClusterSettings>] {
        [
            Setting("store") { $0.readStore($1) },
            .value("name", \.name) { text throws(ValueProblem) in try word("name", text) },
            .value("instance", \.instance) { text throws(ValueProblem) in try word("instance", text) },
            .value("address", \.address) { text throws(ValueProblem) in
                guard HeaderRules.printable(text) == text, text.utf8.count <= 200 else {
                    throw ValueProblem("address is not an address", fix: "write it like podium-a.lan:8081")
                }
                return text
            },
        ]
    }

    init(_ node: YAMLNode?, environment: [String: String], sink: DiagnosticSink) {
        self.init()
        let reader = SettingReader.read(
            node, title: "cluster", Self.table, into: &self, environment: environment, sink: sink)
        guard let node, store == nil, reader.keys["store"] == nil else { return }
        sink.report(
            .warning, at: node,
            ValueProblem(
                "cluster names no store, so this Podium is alone",
                fix: "write store: \"host=db.lan dbname=podium user=podium password=${PODIUM_STORE_PASSWORD}\""))
    }

    private mutating func readStore(_ reader: SettingReader) {
        guard let written = reader.section.text("store"), !written.isEmpty, let node = reader.section.node("store")
        else { return }
        let text = node.withForeignTag(written)
        store = text
        if let found = Placeholder.find(in: text) {
            reader.section.sink.report(.error, at: node, found.problem(at: "cluster.store"), isSecret: true)
        } else if SecretExpansion.isLiteral(text), Self.namesPassword(text) {
            reader.section.sink.literalSecret(at: node, "the password of cluster.store")
        }
        do throws(MissingVariables) {
            _ = try SecretExpansion.expand(text, environment: reader.environment)
        } catch {
            reader.section.sink.report(.error, at: node, ValueProblem(error.description, fix: "set it"))
        }
    }

    /// Whether there is a password in a connection string or a URL.
    private static func namesPassword(_ text: String) -> Bool {
        if text.contains("password") { return true }
        guard let scheme = text.firstRange(of: "://"), let at = text.lastIndex(of: "@"), scheme.upperBound < at else {
            return false
        }
        return text[scheme.upperBound..<at].contains(":")
    }

    private static func word(_ key: String, _ text: String) throws(ValueProblem) -> String {
        guard text.utf8.count <= 63,
            text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
        else {
            throw ValueProblem(
                "\(key) is at most 63 letters, digits, dots, hyphens and underscores", fix: "write it like podium-a")
        }
        return text
    }
}

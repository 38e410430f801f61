internal import PodiumModel
public import YAMLDocument

/// Reads a configuration file: pure, no clock, no disk.
///
/// The program calls it at the start and for `podium check`, the persister for each file that was edited by hand and for each that it
/// is about to write. All findings are reported at once with their place, because an operator mends a file in one go.
public enum ConfigurationLoader {
    /// Reads and validates a file, and reports everything that is wrong with it at once.
    ///
    /// - Parameters:
    ///   - environment: where `${NAME}` is looked up. Values are only checked, never put into the result: it holds the
    ///     texts as written.
    ///   - authorityProblem: why the file of authorities of this name cannot be used, to stand behind the name; nil where
    ///     it can be used, or where that is not checked.
    ///   - openListener: where Podium listens at present, if other machines can reach that and only client tokens keep
    ///     them out: a file without any is an error then. nil: it is a warning where the file's own host is such a one.
    public static func load(
        bytes: [UInt8], environment: [String: String], openListener: String? = nil,
        authorityProblem: (String) -> String? = { _ in nil }
    ) -> LoadedConfiguration {
        do throws(YAMLError) {
            let document = try YAMLDocument(bytes: bytes)
            return load(
                document, environment: environment, openListener: openListener, authorityProblem: authorityProblem)
        } catch {
            let diagnostic = Diagnostic(
                severity: .error, line: error.line, column: error.column, message: error.reason,
                excerpt: SourceExcerpt.line(error.line, in: bytes), fix: SyntaxAdvice.fix(for: error, in: bytes))
            return LoadedConfiguration(configuration: nil, diagnostics: [diagnostic], document: nil)
        }
    }

    /// The same for a file that is already parsed.
    public static func load(
        _ document: YAMLDocument, environment: [String: String], openListener: String? = nil,
        authorityProblem: (String) -> String? = { _ in nil }
    ) -> LoadedConfiguration {
        let sink = DiagnosticSink(document: document)
        let configuration = read(
            document, environment: environment, openListener: openListener, authorityProblem, sink: sink)
        let diagnostics = sink.diagnostics.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
        let isUsable = !diagnostics.contains { $0.severity == .error }
        return LoadedConfiguration(
            configuration: isUsable ? configuration : nil, diagnostics: diagnostics, document: document,
            literalSecrets: sink.literalSecrets)
    }

    /// Sections of the older system, with what to do instead.
    private static let retiredSections = [
        "logging": "server.access_log, and --log-level, --log-format and --log-file; bodies are never logged",
        "validation": unchanged, "streaming": unchanged, "tools": unchanged, "format_detection": unchanged,
        "blacklist": "breakers and time outs do it by themselves (docs/ranking.md); failover.rules say the rest",
        "conversion": "speaks: chat_completions and convert: true of an endpoint say it",
        "http_client": "connections are kept by themselves; timeouts: says how long",
        "monitoring": "the metrics are always there (docs/control-api.md)",
    ]

    private static let unchanged = "requests and answers pass unchanged"

    private static func read(
        _ document: YAMLDocument, environment: [String: String], openListener: String?,
        _ authorityProblem: (String) -> String?, sink: DiagnosticSink
    ) -> Configuration? {
        guard let root = document.root, root.scalar != .null else {
            sink.error(at: nil, "the file is empty", fix: "begin with config.yaml.example")
            return nil
        }
        guard root.kind == .mapping else {
            sink.error(at: root, "the file has to be a mapping with server: and endpoints:")
            return nil
        }
        let reader = SectionReader(
            root, title: "the file",
            known: [
                "server", "ranking", "timeouts", "failover", "history", "usage", "console", "clients", "endpoints",
                "retry", "tagging", "cluster",
            ],
            retired: retiredSections, sink: sink)
        let server = ServerSettings(reader.node("server"), environment: environment, sink: sink)
        let endpoints = readEndpoints(reader, environment, authorityProblem, sink)
        var configuration = Configuration(
            server: server, ranking: RankingSettings(reader.node("ranking"), sink: sink),
            timeouts: TimeoutSettings(reader.node("timeouts"), sink: sink), endpoints: endpoints.map(\.settings))
        let clients = ClientReader.readAll(reader.node("clients"), environment: environment, sink: sink)
        configuration.clients = clients.map(\.settings)
        configuration.console = ConsoleSettings(reader.node("console"), sink: sink)
        configuration.tagging = ModelTagging(
            reader.node("tagging"), at: reader.keys["tagging"], endpoints: configuration.endpoints, sink: sink)
        reportRetry(reader, sink)
        configuration.failover = FailoverSettings(
            reader.node("failover"), older: reader.node("retry"), endpoints: endpoints, sink: sink)
        configuration.usage = UsageSettings(
            history: reader.node("history"), usage: reader.node("usage"), endpoints: endpoints, sink: sink)
        configuration.cluster = ClusterSettings(reader.node("cluster"), environment: environment, sink: sink)
        configuration.endpointTimeouts = EndpointTimeouts.read(endpoints, sink: sink)
        FileAdvice(
            configuration: configuration, endpoints: endpoints, clients: clients, server: reader.node("server"),
            openListener: openListener, environment: environment, sink: sink
        ).report()
        return configuration
    }

    /// `retry` of the older system: of it `upstream_errors` are read.
    private static func reportRetry(_ reader: SectionReader, _ sink: DiagnosticSink) {
        guard let key = reader.keys["retry"] else { return }
        let errors = reader.node("retry").flatMap { $0.kind == .mapping ? $0.merged("upstream_errors")?.resolved : nil }
        let isRead = errors?.entries.isEmpty == false
        sink.report(
            .note, at: key,
            ValueProblem(
                isRead
                    ? "the older system's key 'retry' is read as failover.rules, as far as upstream_errors"
                    : "the older system's key 'retry' is kept and not used",
                fix: isRead ? "" : "write failover.rules"))
    }

    private static func readEndpoints(
        _ reader: SectionReader, _ environment: [String: String], _ authorityProblem: (String) -> String?,
        _ sink: DiagnosticSink
    ) -> [(settings: EndpointSettings, entry: YAMLNode)] {
        let advice = "add an entry under endpoints:"
        guard let node = reader.node("endpoints") else {
            sink.report(.warning, at: reader.keys["endpoints"], ValueProblem("there are no endpoints", fix: advice))
            return []
        }
        guard node.kind == .sequence else {
            sink.error(at: node, "endpoints has to be a list", fix: "begin each entry with a dash: - name: NAME")
            return []
        }
        let entries = node.entries
        if entries.isEmpty { sink.report(.warning, at: node, ValueProblem("there are no endpoints", fix: advice)) }
        var lines: [String: Int] = [:]
        return entries.enumerated().compactMap { index, entry in
            guard
                let (settings, nameNode) = EndpointReader.read(
                    entry, number: index + 1, environment: environment, authorityProblem: authorityProblem, sink: sink)
            else { return nil }
            if let first = lines[settings.name], !settings.name.isEmpty {
                sink.error(
                    at: nameNode, "the name '\(HeaderRules.printable(settings.name))' is taken, first in line \(first)",
                    fix: "give each endpoint its own name")
            }
            lines[settings.name] = lines[settings.name] ?? nameNode.line
            return (settings, entry.resolved ?? entry)
        }
    }
}

/// What to do about the usual slips, which the parser's words do not say.
private enum SyntaxAdvice {
    static func fix(for error: YAMLError, in bytes: [UInt8]) -> String {
        let lines = bytes.split(omittingEmptySubsequences: false) { $0 == 0x0A }
        let line = error.line >= 1 && error.line <= lines.count ? lines[error.line - 1] : []
        if line.prefix(while: { $0 == 0x20 || $0 == 0x09 }).contains(0x09) {
            return "indent with spaces, not with tabs"
        }
        if error.reason.contains("mapping values are not allowed") {
            return "check the indentation, or quote a value that holds a colon and a space"
        }
        if error.reason.contains("did not find expected key") || error.reason.contains("block collection") {
            return "check that this line is indented like its neighbours"
        }
        if error.reason.contains("cannot start any token") { return "quote the value" }
        return ""
    }
}

/// What became of a file: all its findings, and the configuration if none of them is an error.
public struct LoadedConfiguration: Sendable {
    /// Nil if and only if there is an error among the diagnostics.
    public var configuration: Configuration?
    /// In file order.
    public var diagnostics: [Diagnostic]
    /// Nil where the file is not YAML at all.
    public var document: YAMLDocument?
    /// A warning for each secret that stands in the file as it is. They are not among the diagnostics, because they matter
    /// only where others can read the file, which its bytes do not say.
    public var literalSecrets: [Diagnostic]

    /// Creates a result from its parts.
    public init(
        configuration: Configuration?, diagnostics: [Diagnostic], document: YAMLDocument?,
        literalSecrets: [Diagnostic] = []
    ) {
        self.configuration = configuration
        self.diagnostics = diagnostics
        self.document = document
        self.literalSecrets = literalSecrets
    }

    /// The errors alone.
    public var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }
}

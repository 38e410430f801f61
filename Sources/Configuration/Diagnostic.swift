public import PodiumModel
internal import YAMLDocument

/// One finding in a configuration file.
public struct Diagnostic: Sendable, Equatable {
    /// How much it matters.
    public typealias Severity = PodiumModel.Severity

    /// How much it matters.
    public var severity: Severity
    /// 1-based.
    public var line: Int
    /// 1-based, in code points.
    public var column: Int
    /// One sentence without a full stop.
    public var message: String
    /// The offending text as it stands in the file, secrets masked, at most 80 characters; empty where there is none.
    public var excerpt: String
    /// What to do about it; empty where the message says it all.
    public var fix: String

    /// Creates a finding at a 1-based position.
    public init(
        severity: Severity, line: Int, column: Int, message: String, excerpt: String = "", fix: String = ""
    ) {
        self.severity = severity
        self.line = line
        self.column = column
        self.message = message
        self.excerpt = excerpt
        self.fix = fix
    }

    /// `FILE:LINE:COLUMN: error: message`, the form that editors jump to, with the fix behind a dash.
    public func rendered(file: String) -> String {
        let advice = fix.isEmpty ? "" : " (\(fix))"
        let text = excerpt.isEmpty ? "" : ": \(excerpt)"
        return "\(file):\(line):\(column): \(severity.rawValue): \(message)\(text)\(advice)"
    }
}

/// Collects the findings of one load.
final class DiagnosticSink {
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var literalSecrets: [Diagnostic] = []
    private let document: YAMLDocument

    init(document: YAMLDocument) {
        self.document = document
    }

    /// - Parameter isSecret: the node's text must not be shown.
    func report(
        _ severity: Diagnostic.Severity, at node: YAMLNode?, _ problem: ValueProblem, isSecret: Bool = false
    ) {
        diagnostics.append(diagnostic(severity, at: node, problem, isSecret: isSecret))
    }

    func error(at node: YAMLNode?, _ message: String, fix: String = "") {
        report(.error, at: node, ValueProblem(message, fix: fix))
    }

    func literalSecret(at node: YAMLNode, _ subject: String) {
        let problem = ValueProblem(
            "\(subject) stands in a file that others can read",
            fix: "chmod 600 the file, or write ${NAME} and set that environment variable")
        literalSecrets.append(diagnostic(.warning, at: node, problem, isSecret: true))
    }

    private func diagnostic(
        _ severity: Diagnostic.Severity, at node: YAMLNode?, _ problem: ValueProblem, isSecret: Bool
    ) -> Diagnostic {
        // A secret can stand in any place, by mistake.
        let excerpt =
            node.map {
                isSecret ? "***" : SecretSigns.hiding(in: SourceExcerpt.text(of: $0, in: document), behind: "***")
            }
            ?? ""
        return Diagnostic(
            severity: severity, line: node?.line ?? 1, column: node?.column ?? 1, message: problem.message,
            excerpt: problem.message.contains(excerpt) ? "" : excerpt, fix: problem.fix)
    }
}

/// The offending text as it stands in the file, fit to be shown.
enum SourceExcerpt {
    static func text(of node: YAMLNode, in document: YAMLDocument) -> String {
        guard node.kind != .mapping, node.kind != .sequence || node.style == .flow else { return "" }
        let text = shown(document.bytes[node.span])
        // What stands before an @ can be a password, what stands in a query a key.
        let at = text.lastIndex(of: "@")
        let rest = text[(at ?? text.startIndex)...]
        let end = rest.firstIndex { $0 == "?" || $0 == "#" } ?? rest.endIndex
        let isURL = text.contains("://") || rest[end...].contains("=")
        let path = text.contains("://") ? withoutKeys(rest[..<end]) : String(rest[..<end])
        return (at == nil ? "" : "***") + path + (isURL ? withoutValues(rest[end...]) : String(rest[end...]))
    }

    /// Paths can hold keys too.
    private static func withoutKeys(_ path: Substring) -> String {
        let start = path.firstRange(of: "://")?.upperBound ?? path.startIndex
        let parts = path[start...].split(separator: "/", omittingEmptySubsequences: false)
        let shown = parts.enumerated().map {
            $0.offset > 0 && SecretSigns.mayBeKey($0.element) ? "***" : String($0.element)
        }
        return path[..<start] + shown.joined(separator: "/")
    }

    /// A query or a fragment by its names alone: `?key=***&v=***`.
    private static func withoutValues(_ query: Substring) -> String {
        guard let sign = query.first else { return "" }
        let parts = query.dropFirst().split(omittingEmptySubsequences: false) { $0 == "&" || $0 == "?" || $0 == "#" }
        let names = parts.map { part in
            part.firstIndex(of: "=").map { part[...$0] + "***" } ?? (part.isEmpty ? "" : "***")
        }
        return String(sign) + names.joined(separator: "&")
    }

    /// A whole line, for syntax errors, which have no node: all that a file that does not parse may show of it.
    static func line(_ number: Int, in bytes: [UInt8]) -> String {
        let lines = FileMask.lines(of: bytes)
        guard number >= 1, number <= lines.count else { return "" }
        return shown(Array(lines[number - 1].replacing(FileMask.hidden, with: "***").utf8)[...])
    }

    private static func shown(_ bytes: ArraySlice<UInt8>) -> String {
        let firstLine = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
        let text = HeaderRules.printable(String(decoding: firstLine, as: UTF8.self))
        let trimmed = text.drop { $0 == " " }
        return trimmed.count > 80 ? String(trimmed.prefix(79)) + "…" : String(trimmed)
    }
}

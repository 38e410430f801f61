import Foundation

/// A state diagram of a page in docs/, as its Mermaid text says it.
///
/// Tests compare it with what the code does, so that a diagram cannot be left behind. A line such as
/// `dirty --> writing : timer, request (the interval has passed)` is one transition for each event before the bracket.
public struct StateDiagram: Sendable {
    /// One arrow and one of the events that take it.
    public struct Transition: Hashable, Sendable, Comparable, CustomStringConvertible {
        var from: String
        var event: String
        var to: String

        /// From a state, by an event, to a state.
        public init(_ from: String, _ event: String, _ to: String) {
            self.from = from
            self.event = event
            self.to = to
        }

        /// As the diagram writes it.
        public var description: String { "\(from) --> \(to) : \(event)" }

        /// By their text, so that what a test reports is in order.
        public static func < (left: Transition, right: Transition) -> Bool { left.description < right.description }
    }

    /// The states where the diagram begins.
    public private(set) var initial: Set<String> = []
    /// The states after which there is nothing more.
    public private(set) var final: Set<String> = []
    /// All states but Mermaid's two dots.
    public private(set) var states: Set<String> = []
    /// The arrows, one for each of their events.
    public private(set) var transitions: Set<Transition> = []
    /// The arrows between two states, whatever their labels.
    public private(set) var arrows: Set<[String]> = []

    /// The first diagram below the heading `## heading` of a page.
    public init(page: String, heading: String) throws {
        let text = try Repository.text(page)
        guard let section = text.range(of: "\n## \(heading)\n"),
            let begin = text[section.upperBound...].range(of: "```mermaid\nstateDiagram-v2\n"),
            let end = text[begin.upperBound...].range(of: "```")
        else { throw CocoaError(.formatting) }
        for line in text[begin.upperBound..<end.lowerBound].split(separator: "\n") {
            guard let arrow = line.range(of: " --> ") else { continue }
            let from = line[..<arrow.lowerBound].trimmingCharacters(in: .whitespaces)
            let parts = line[arrow.upperBound...].split(separator: ":", maxSplits: 1)
            let to = (parts.first ?? "").trimmingCharacters(in: .whitespaces)
            if from == "[*]" { initial.insert(to) } else { states.insert(from) }
            if to == "[*]" { final.insert(from) } else { states.insert(to) }
            guard from != "[*]", to != "[*]" else { continue }
            arrows.insert([from, to])
            guard parts.count == 2 else { continue }
            for event in parts[1].prefix(while: { $0 != "(" }).split(separator: ",") {
                transitions.insert(Transition(from, event.trimmingCharacters(in: .whitespaces), to))
            }
        }
    }
}

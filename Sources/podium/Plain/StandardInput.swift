import Console
import Dispatch

/// Lines of standard input, read on a thread of their own, which a terminal may block for ever.
enum StandardInput {
    /// - Parameter body: gets each line, and nil at the end.
    static func read(_ body: @escaping @Sendable (String?) -> Void) {
        DispatchQueue(label: "podium.input").async {
            while let line = readLine() { body(InputParser.typed(in: line)) }
            body(nil)
        }
    }
}

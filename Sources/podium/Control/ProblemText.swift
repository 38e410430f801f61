import Console
import Control

/// A refusal in one line, with what others changed meanwhile.
enum ProblemText {
    static func line(_ problem: ControlProblem) -> String {
        var text = problem.detail
        // The detail may tell of them already.
        let untold = (problem.changes ?? []).filter { !text.contains($0.text) }
        if !untold.isEmpty {
            text += " (\(untold.map { "\($0.actor): \($0.text)" }.joined(separator: "; ")))"
        }
        return SafeText.clean(text)
    }
}

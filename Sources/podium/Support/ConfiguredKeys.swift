import Configuration
import PodiumModel
import Console

extension ConfigurationFile {
    /// All findings: the loader's, what could not be saved, and those about the keys of the console, in the file's order.
    var diagnostics: [Diagnostic] {
        (loaded.diagnostics + unwritable + configuredKeys.diagnostics).enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
    }

    private var unwritable: [Diagnostic] {
        guard let document = loaded.document, let configuration = loaded.configuration else { return [] }
        return Writability.warnings(about: document, configuration)
    }

    /// The console's keys as the file has them; what cannot be used is left out.
    var keymap: Keymap { configuredKeys.keymap }

    private var configuredKeys: (keymap: Keymap, diagnostics: [Diagnostic]) {
        let settings = loaded.configuration?.console.keys ?? []
        let overrides = settings.map { KeyOverride(command: $0.command.text, keys: $0.keys.map(\.text)) }
        let (keymap, problems) = Keymap.standard.overridden(by: overrides)
        let diagnostics = problems.map { problem in
            let setting = settings[problem.override]
            let word = problem.key.map { setting.keys[$0] } ?? setting.command
            return Diagnostic(
                severity: .warning, line: word.line, column: word.column,
                message: "console keys: \(problem.message); its own stay", fix: problem.fix)
        }
        return (keymap, diagnostics)
    }
}

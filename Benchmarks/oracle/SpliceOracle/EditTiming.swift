import Configuration
import WholeDocument
import YAMLDocument

/// CPU time of exchanging two neighbouring ranks in a configuration, and of libyaml's parse and emit of the whole.
enum EditTiming {
    /// Prints milliseconds of CPU, medians of `runs`, the four interleaved.
    static func run(path: String, runs: Int) {
        guard let bytes = contents(of: path), let document = try? YAMLDocument(bytes: bytes),
            let configuration = ConfigurationLoader.load(document, environment: [:]).configuration
        else { fatalError("\(path) is not a configuration") }
        let base = PersistedState(configuration: configuration)
        var desired = base
        let middle = base.endpoints.count / 2
        let rank = base.endpoints[middle].settings.priority
        desired.endpoints[middle].settings.priority = base.endpoints[middle + 1].settings.priority
        desired.endpoints[middle + 1].settings.priority = rank
        let changes = base.changes(to: desired)
        precondition(changes.count == 2)

        var kept: [Double] = []
        var scanned: [Double] = []
        var libyaml: [Double] = []
        for _ in 0..<max(1, runs) {
            kept.append(milliseconds { edit(changes, document) })
            scanned.append(
                milliseconds {
                    guard let again = try? YAMLDocument(bytes: bytes) else { fatalError("no longer readable") }
                    edit(changes, again)
                })
            libyaml.append(milliseconds { precondition(whole_document_round_trip(bytes, bytes.count) > 0) })
        }
        var output = Output()
        output.write(
            JSONText.object([
                "bytes": String(bytes.count), "kept": String(median(kept)), "scanned": String(median(scanned)),
                "libyaml": String(median(libyaml)),
            ]) + "\n")
    }

    private static func edit(_ changes: [ConfigurationChange], _ document: YAMLDocument) {
        guard let edited = try? ConfigurationEditor.apply(changes, to: document) else { fatalError("refused") }
        precondition(edited.bytes.count == document.bytes.count)
    }

    private static func milliseconds(_ work: () -> Void) -> Double {
        let began = processorTime()
        work()
        return processorTime() - began
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}

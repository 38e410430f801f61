internal import YAMLDocument

/// Reads a configuration file: pure, no clock, no disk.
public enum ConfigurationLoader {
    /// Reads and validates a file.
    ///
    /// - Parameter environment: where `${NAME}` is looked up; values are only checked, never put into the result.
    public static func load(bytes: [UInt8], environment: [String: String]) -> LoadedConfiguration {
        do throws(YAMLError) {
            let document = try YAMLDocument(bytes: bytes)
            return LoadedConfiguration(configuration: nil, diagnostics: [], document: document)
        } catch {
            let diagnostic = Diagnostic(
                severity: .error, line: error.line, column: error.column, message: error.reason)
            return LoadedConfiguration(configuration: nil, diagnostics: [diagnostic], document: nil)
        }
    }
}

internal import PodiumModel
public import YAMLDocument

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

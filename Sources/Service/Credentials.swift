internal import Support

/// Secrets that the service manager hands over as files, one per name, in `$CREDENTIALS_DIRECTORY`.
///
/// Unlike environment variables they are readable by the service alone, and no child or `/proc` shows them.
public enum Credentials {
    /// No credential is that long; whatever is, is not read.
    private static let limit = 64 << 10

    /// The environment with every credential added whose name could be a variable's. A variable that the environment
    /// itself sets goes first.
    public static func added(to environment: [String: String]) -> [String: String] {
        guard let folder = environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty else { return environment }
        return environment.merging(all(in: folder)) { variable, credential in variable.isEmpty ? credential : variable }
    }

    private static func all(in folder: String) -> [String: String] {
        guard let stream = opendir(folder) else { return [:] }
        defer { closedir(stream) }
        var found: [String: String] = [:]
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard isVariableName(name), let text = contents("\(folder)/\(name)") else { continue }
            found[name] = text
        }
        return found
    }

    private static func isVariableName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte)
        }
    }

    /// Without the line end that every editor adds.
    private static func contents(_ path: String) -> String? {
        guard var bytes = try? DescriptorIO.contents(of: path, limit: limit) else { return nil }
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        return String(validating: bytes, as: UTF8.self)
    }
}

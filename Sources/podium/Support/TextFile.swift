import Support

/// A whole text file, or standard input.
enum TextFile {
    struct ReadError: Error {
        let reason: String
    }

    /// More than any trace that is of use, and less than the memory of a small machine.
    private static let limit = 1 << 30

    /// - Parameter path: `-` is standard input.
    static func read(_ path: String) throws(ReadError) -> String {
        do throws(DescriptorIO.ReadFailure) {
            let bytes =
                try
                (path == "-"
                ? DescriptorIO.contents(of: STDIN_FILENO, limit: limit)
                : DescriptorIO.contents(of: path, limit: limit, waits: true))
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw ReadError(reason: error == .tooLarge ? "larger than 1 GiB" : error.text)
        }
    }
}

/// `console:`
public struct ConsoleSettings: Sendable, Equatable {
    /// `keys:` in file order; whether there are such commands and keys is the console's to say.
    public var keys: [KeySetting] = []

    /// Every setting with its default.
    public init() {}
}

/// The keys that the file gives a command of the console.
public struct KeySetting: Sendable, Equatable {
    /// A text with its place in the file.
    public struct Word: Sendable, Equatable {
        /// As written.
        public var text: String
        /// 1-based.
        public var line: Int
        /// 1-based, in code points.
        public var column: Int

        /// A text at a 1-based place.
        public init(text: String, line: Int, column: Int) {
            self.text = text
            self.line = line
            self.column = column
        }
    }

    /// The command's name.
    public var command: Word
    /// Its keys; none leaves it without.
    public var keys: [Word]

    /// Keys for a command.
    public init(command: Word, keys: [Word]) {
        self.command = command
        self.keys = keys
    }
}

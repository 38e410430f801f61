/// How many colours a terminal shows.
public enum ColorDepth: Int, Sendable, Comparable, CaseIterable {
    /// The first eight, in the terminal's own shades.
    case eight = 8
    /// These and their bright twins.
    case sixteen = 16
    /// The palette of xterm: a cube of 216 colours and 24 greys behind those sixteen.
    case palette = 256
    /// Red, green and blue with eight bits each: true colour.
    case direct = 0x100_0000

    /// The deepest that so many colours suffice for; nil where they are fewer than eight.
    public init?(colors: Int) {
        guard let depth = Self.allCases.last(where: { $0.rawValue <= colors }) else { return nil }
        self = depth
    }

    /// By the number of colours.
    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension Theme {
    /// One colour, chosen for each depth.
    public struct Color: Sendable, Hashable {
        /// 0xRRGGBB. 256 and more, since terminals take the smaller numbers for those of their palette.
        public let rgb: UInt32
        /// Index in the 256-colour palette, behind the sixteen whose shades nobody knows.
        public let palette: UInt8
        /// Index among the first sixteen; nil is the terminal's own colour.
        public let sixteen: UInt8?
        /// Index among the first eight; nil is the terminal's own colour.
        public let eight: UInt8?

        init(_ rgb: UInt32, _ palette: UInt8, _ sixteen: UInt8?, _ eight: UInt8?) {
            self.rgb = rgb
            self.palette = palette
            self.sixteen = sixteen
            self.eight = eight
        }

        /// What stands for this colour at a depth, at `direct` the number of the colour itself; nil is the terminal's own.
        public func index(at depth: ColorDepth) -> Int32? {
            switch depth {
            case .eight: eight.map(Int32.init)
            case .sixteen: sixteen.map(Int32.init)
            case .palette: Int32(palette)
            case .direct: Int32(rgb)
            }
        }
    }
}
